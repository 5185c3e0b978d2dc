// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::os {

/// The whole content of a file that a person named, decompressed when it is gzip, whatever its name
/// says. `at_most` bounds the file and its content, also of a pipe or a device without an end.
/// Errors: kNotFound, kPermissionDenied, kInvalidArgument when it is a folder, no text (a byte is
/// 0), larger than the bound, or gzip that is damaged; kResourceExhausted without memory for it.
Result<std::string> read_text_file(const std::string& path, std::size_t at_most = 1U << 30U);

/// What gzip packed; `name` is for messages. Errors: kInvalidArgument, as above.
Result<std::string> gunzip(const std::string& name, std::string_view packed, std::size_t at_most);

/// Replaces a file's content. Errors: kPermissionDenied naming what could not be written.
Result<> write_text_file(const std::string& path, std::string_view text);

}  // namespace melon::os
