// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace melon {

/// The text as one word of a POSIX shell; what needs no quotes gets none.
std::string shell_word(std::string_view text);

}  // namespace melon
