// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::vendors::detail {

/// An error that names the template, the rule that it breaks and what it may name ("node, uuid").
tl::unexpected<Error> bad_template(std::string_view text, std::string_view rule,
                                   std::string_view known);

/// The text with each "{name}" replaced by `value_of(name)`; "{{" is a brace. Errors:
/// kInvalidArgument for a brace that is not closed, and those of `value_of`.
Result<std::string> fill_braces(
    std::string_view text,
    const std::function<Result<std::string>(std::string_view name)>& value_of,
    std::string_view known);

}  // namespace melon::vendors::detail
