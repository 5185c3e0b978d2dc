// SPDX-License-Identifier: Apache-2.0
// `melon reference PAGE`: the reference pages that are derived from this binary's own tables.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ostream>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/local_findings.h"
#include "net/error_body.h"

namespace melon::cli {
namespace {

std::string exit_code_page() {
  std::string page = "# Exit codes\n\n| code | commands | meaning |\n|---|---|---|\n";
  for (const ExitCodeRow& row : exit_codes())
    page += fmt::format("| {} | {} | {} |\n", row.code, row.commands, row.meaning);
  return page;
}

std::string error_page() {
  std::string page =
      "# Error codes\n\nWhat `error.code` of an answer says, and how the command that got it "
      "ends.\n\n| code | HTTP status | exit code | meaning |\n|---|---|---|---|\n";
  for (const net::ErrorCode& row : net::error_codes()) {
    // The daemon is there when it says that it cannot answer now.
    const int exit_code = row.code == Code::kUnavailable ? kFailed : to_exit_code(row.code);
    page += fmt::format("| `{}` | {} | {} | {} |\n", row.name, row.status, exit_code, row.meaning);
  }
  return page;
}

std::string finding_page() {
  std::string page =
      "# Findings of melon doctor\n\nThose that need no daemon.\n\n| code | severity | meaning "
      "|\n|---|---|---|\n";
  for (const LocalFindingRow& row : local_finding_codes())
    page += fmt::format("| `{}` | {} | {} |\n", row.code, row.severity, row.meaning);
  return page;
}

struct Page {
  std::string_view name;
  std::string (*text)();
};
constexpr std::array kPages = {
    Page{"cli", [] { return reference_page(commands()); }},
    Page{"exit-codes", exit_code_page},
    Page{"errors", error_page},
    Page{"findings", finding_page},
};

std::string page_names() {
  std::string names;
  for (const Page& page : kPages) names += std::string(page.name) + "\n";
  return names;
}

Result<int> reference(Session& session, const std::string& name) {
  if (name.empty()) {
    *session.out << page_names();
    return kOk;
  }
  const auto* const page = std::ranges::find(kPages, name, &Page::name);
  if (page == kPages.end())
    return fail(Code::kNotFound, fmt::format("no reference page '{}'", name),
                "list them: melon reference");
  *session.out << page->text();
  return kOk;
}

}  // namespace

Command reference_command() {
  auto name = std::make_shared<std::string>();
  return {.name = "reference",
          .summary = "Print a reference page as Markdown, or the names of all",
          .parameters = {{.names = "PAGE", .target = name.get(), .text = "A page's name"}},
          .run = [name](Session& session) { return reference(session, *name); },
          .hidden = true};
}

}  // namespace melon::cli
