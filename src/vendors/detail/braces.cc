// SPDX-License-Identifier: Apache-2.0
// Fills templates in.
#include "vendors/detail/braces.h"

#include <fmt/format.h>

namespace melon::vendors::detail {

tl::unexpected<Error> bad_template(std::string_view text, std::string_view rule,
                                   std::string_view known) {
  return fail(Code::kInvalidArgument, fmt::format("template '{}': {}", text, rule),
              fmt::format("known variables are {}; a brace itself is written {{{{", known));
}

Result<std::string> fill_braces(
    std::string_view text,
    const std::function<Result<std::string>(std::string_view name)>& value_of,
    std::string_view known) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    rest.remove_prefix(open + 1);
    if (rest.starts_with('{')) {
      out += '{';
      rest.remove_prefix(1);
      continue;
    }
    const auto close = rest.find('}');
    if (close == std::string_view::npos) return bad_template(text, "a brace is not closed", known);
    MELON_TRY(const std::string value, value_of(rest.substr(0, close)));
    out += value;
    rest.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace melon::vendors::detail
