// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vendors/descriptor.h"

namespace melon::vendors {

/// What a template in a descriptor's `environment` may name in braces.
struct Variables {
  std::string library = {};       // path of libmelon.so
  std::string grant_folder = {};  // the grant's folder
  std::vector<std::string> device_ids =
      {};                                // the vendor's own ids (uuid, PCI address) of the slices
  std::vector<int> device_indices = {};  // their order within the vendor
  std::vector<std::string> memory_mib = {};  // what each slice has
};

/// The names that templates may use, for messages and documents.
std::span<const std::string_view> variable_names();

/// "{device_ids}" becomes its values joined by commas; "{{" is a brace. Errors: kInvalidArgument
/// for an unknown name or an open brace.
Result<std::string> expand(std::string_view text, const Variables& variables);

/// All of a descriptor's environment, expanded. Errors: those of expand(); none for a descriptor
/// that check() passed.
Result<std::map<std::string, std::string>> environment_of(const Descriptor& descriptor,
                                                          const Variables& variables);

}  // namespace melon::vendors
