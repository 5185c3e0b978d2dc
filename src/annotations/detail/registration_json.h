// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "annotations/registration.h"

namespace melon::annotations::detail {

Result<std::vector<RegisteredDevice>> decode_json(std::string_view text);
Result<std::vector<RegisteredDevice>> decode_metax(std::string_view text);
Result<std::vector<RegisteredDevice>> decode_enflame(std::string_view text);
std::string encode_json(const std::vector<RegisteredDevice>& devices);

/// The largest text that is looked at.
inline constexpr std::size_t kMostBytes = std::size_t{1} << 20;

/// An error that names what is wrong with which annotation.
tl::unexpected<Error> bad_text(std::string_view what, std::string_view rule);

/// What stands between the separators: one part more than there are of them.
std::vector<std::string_view> split(std::string_view text, char separator);

/// A whole number from 0 to 2^40. Errors: kInvalidArgument naming `field`.
Result<std::int64_t> read_number(std::string_view what, std::string_view field,
                                 std::string_view text);

/// The same, or -1 for a NUMA node that is not known.
Result<std::int64_t> read_numa(std::string_view what, std::string_view field,
                               std::string_view text);

}  // namespace melon::annotations::detail
