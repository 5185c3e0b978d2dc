// SPDX-License-Identifier: Apache-2.0
// `melon reference PAGE`: the reference pages that are derived from this binary's own tables.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/contract.h"
#include "agent/findings.h"
#include "agent/metrics.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"
#include "cli/help.h"
#include "cli/local_findings.h"
#include "net/error_body.h"

namespace melon::cli {
namespace {

std::string generated(std::string_view title, std::string_view source) {
  return fmt::format("# {}\n\n<!-- Generated from {} by `make reference`. -->\n\n", title, source);
}

// "GrantRequest" of {"$ref": "#/components/schemas/GrantRequest"}, wherever it stands inside.
std::string schema_name(const Json& value) {
  if (value.is_object() && value.contains("$ref")) {
    const std::string path = value.at("$ref").get<std::string>();
    return path.substr(path.rfind('/') + 1);
  }
  if (!value.is_structured()) return "";
  for (const Json& member : value) {
    if (std::string name = schema_name(member); !name.empty()) return name;
  }
  return "";
}

std::string operation_row(const std::string& path, const std::string& method,
                          const Json& operation) {
  std::string upper = method;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  std::string answers;
  for (const auto& [status, answer] : operation.at("responses").items()) {
    if (status == "default") continue;
    const std::string name = schema_name(answer);
    answers += (answers.empty() ? "" : ", ") + status + (name.empty() ? "" : " " + name);
  }
  const std::string body =
      operation.contains("requestBody") ? schema_name(operation.at("requestBody")) : "";
  return fmt::format("| {} | `{}` | {} | {} | {} |\n", upper, path, text_of(operation, "summary"),
                     body, answers);
}

std::string exit_code_page() {
  std::string page = generated("Exit codes", "src/cli/exit_code.cc") +
                     "| code | commands | meaning |\n|---|---|---|\n";
  for (const ExitCodeRow& row : exit_codes())
    page += fmt::format("| {} | {} | {} |\n", row.code, row.commands, row.meaning);
  return page;
}

std::string error_page() {
  std::string page = generated("Error codes", "src/net/error_body.cc") +
                     "What `error.code` of an answer says, and how the command that got it "
                     "ends.\n\n| code | HTTP status | exit code | meaning |\n|---|---|---|---|\n";
  for (const net::ErrorCode& row : net::error_codes()) {
    // The daemon is there when it says that it cannot answer now.
    const int exit_code = row.code == Code::kUnavailable ? kFailed : to_exit_code(row.code);
    page += fmt::format("| `{}` | {} | {} | {} |\n", row.name, row.status, exit_code, row.meaning);
  }
  return page;
}

std::string metric_page() {
  std::string page = generated("Metrics", "src/agent/metrics.cc");
  page +=
      "Served at `/metrics` on the socket, and on a TCP address with `melon up --metrics "
      "ADDR`.\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const agent::Metric& row : agent::metrics())
    page +=
        fmt::format("| `{}` | {} | {} | {} |\n", row.name, to_text(row.kind), row.labels, row.help);
  return page;
}

// One row for each operation of the contract.
std::string rest_page() {
  std::string page = generated("REST", "api/openapi.yaml");
  page +=
      "JSON over HTTP/1.1 on the daemon's Unix socket; the daemon serves the whole contract at "
      "`/openapi.json`.\n\n| method | path | what | body | answers |\n|---|---|---|---|---|\n";
  const Json contract = Json::parse(agent::contract_json(), nullptr, false);
  for (const auto& [path, item] : contract.at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      if (operation.is_object()) page += operation_row(path, method, operation);
    }
  }
  return page;
}

std::string json_page() {
  std::string page = generated("JSON", "src/cli/grant_table.cc") +
                     "`-o json` and `-o yaml` print arrays of these objects. The keys that stand "
                     "here are stable and come in this order; others may follow them.\n";
  for (const JsonShape& shape : json_shapes()) {
    page += fmt::format("\n## {}\n\n| key | meaning |\n|---|---|\n", shape.title);
    for (const JsonKey& row : shape.keys)
      page += fmt::format("| `{}` | {} |\n", row.key, row.meaning);
  }
  return page;
}

std::string finding_row(std::string_view code, std::string_view severity,
                        std::string_view meaning) {
  return fmt::format("| `{}` | {} | {} |\n", code, severity, meaning);
}

std::string finding_page() {
  constexpr std::string_view kHead = "| code | severity | meaning |\n|---|---|---|\n";
  std::string page =
      generated("Findings of melon doctor", "src/agent/findings.cc and src/cli/local_findings.cc") +
      "`melon doctor` says with each what was found and a line for the shell that "
      "mends it.\n\n## The daemon's\n\n";
  page += kHead;
  for (const agent::FindingCode& row : agent::finding_codes())
    page += finding_row(row.code, row.severity, row.meaning);
  page += "\n## Those that need no daemon\n\n";
  page += kHead;
  for (const LocalFindingRow& row : local_finding_codes())
    page += finding_row(row.code, row.severity, row.meaning);
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
    Page{"json", json_page},
    Page{"metrics", metric_page},
    Page{"rest", rest_page},
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
