// SPDX-License-Identifier: Apache-2.0
// Says of a fault what it means and how to mend it.
#include "core/finding.h"

namespace melon::core {

std::string fill_in(std::string_view remedy,
                    const std::function<std::string(std::string_view name)>& value_of) {
  std::string text;
  while (true) {
    const auto open = remedy.find('{');
    text += remedy.substr(0, open);
    const auto close = remedy.find('}', open);
    if (open == std::string_view::npos || close == std::string_view::npos) return text;
    text += value_of(remedy.substr(open + 1, close - open - 1));
    remedy.remove_prefix(close + 1);
  }
}

Finding explain(const Fault& fault, const std::map<std::string, std::string>& more) {
  const FindingKind& kind = fault.code.kind();
  const auto value_of = [&](std::string_view name) {
    for (const auto* const values : {&fault.values, &more})
      if (const auto found = values->find(std::string(name)); found != values->end())
        return found->second;
    return "{" + std::string(name) + "}";
  };
  return {.code = std::string(kind.code),
          .severity = std::string(to_text(kind.severity)),
          .message = fault.message,
          .meaning = std::string(kind.meaning),
          .remedy = fill_in(kind.remedy, value_of)};
}

std::string_view to_text(Severity value) {
  switch (value) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kInfo:
      return "info";
  }
  return "";
}

}  // namespace melon::core
