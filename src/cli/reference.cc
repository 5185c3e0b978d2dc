// SPDX-License-Identifier: Apache-2.0
// `melon reference PAGE`: the reference pages that are derived from this binary's own tables.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/contract.h"
#include "agent/event_kinds.h"
#include "agent/metrics.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/json_shapes.h"
#include "core/finding.h"
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

std::string event_page() {
  std::string page = generated("Events", "src/agent/event_kinds.h") +
                     "What `kind` of an event says: `melon events`, `GET /v1/events` and the "
                     "daemon's log.\n\n| kind | meaning | message |\n|---|---|---|\n";
  for (const agent::EventKindRow& row : agent::kEventKinds)
    page += fmt::format("| `{}` | {} | {} |\n", row.code, row.meaning, row.message);
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

// The words of JsonKey::value; the capitalised one is a shape, and a link to it.
std::string linked(std::string_view value) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto start = std::ranges::find_if(value, is_upper);
  if (start == value.end()) return std::string(value);
  const auto at = static_cast<std::size_t>(start - value.begin());
  const std::string_view name = value.substr(at, value.find_first_of(" ,", at) - at);
  std::string anchor(name);
  std::ranges::transform(anchor, anchor.begin(), ::tolower);
  return fmt::format("{}[{}](#{}){}", value.substr(0, at), name, anchor,
                     value.substr(at + name.size()));
}

std::string json_page() {
  std::string page =
      generated("JSON", "src/cli/json_shapes.cc") +
      "What `-o json` prints, and `-o yaml` in YAML. The keys that stand here are stable and come\n"
      "in this order; others may follow them. Errors are text on standard error, as without `-o`.\n"
      "\n| command | prints |\n|---|---|\n";
  for (const JsonOutput& row : json_outputs())
    page += fmt::format("| `{}` | {} |\n", row.command, linked(row.prints));
  page +=
      "\n`melon events -f` prints one Event after the other, as it comes: each a line of its own "
      "in\n"
      "JSON, each an item of one list in YAML. `melon logs`, `melon run` and `melon exec` pass on\n"
      "what the program writes; `melon up` in the foreground writes the daemon's log, `melon "
      "down`\n"
      "nothing, `melon completion` a script.\n";
  for (const JsonShape& shape : json_shapes()) {
    page += fmt::format("\n## {}\n\n{}\n\n| key | value | meaning |\n|---|---|---|\n", shape.name,
                        shape.meaning);
    for (const JsonKey& row : shape.keys)
      page += fmt::format("| `{}` | {} | {} |\n", row.key, linked(row.value), row.meaning);
  }
  return page;
}

// A remedy as one cell of a table; what is filled in stands in capitals.
std::string remedy_cell(const core::FindingKind& kind) {
  std::string text = core::fill_in(kind.remedy, [](std::string_view name) {
    if (name.starts_with("as_")) return std::string();
    std::string capitals(name);
    std::ranges::transform(capitals, capitals.begin(), ::toupper);
    return capitals;
  });
  return kind.mend == core::Mend::kByHand ? text : fmt::format("`{}`", text);
}

std::string finding_page() {
  std::string page =
      generated("Findings of melon doctor", "src/core/finding.h") +
      "`melon doctor` says with each what was found, and how to mend it: a line for the shell\n"
      "that clears it, or, where no command can, what a person has to do. Words in capitals stand\n"
      "for what doctor fills in; RESTART and START are the commands that start this daemon again.\n"
      "Commands that need root, the daemon's user or a grant's owner get `sudo` for others.\n";
  for (const auto& [finder, title] : {std::pair(core::Finder::kDaemon, "The daemon's"),
                                      std::pair(core::Finder::kDoctor, "Those of doctor itself")}) {
    page += fmt::format("\n## {}\n\n| code | severity | meaning | remedy |\n|---|---|---|---|\n",
                        title);
    for (const core::FindingKind& kind : core::kFindings)
      if (kind.finder == finder)
        page += fmt::format("| `{}` | {} | {} | {} |\n", kind.code, to_text(kind.severity),
                            kind.meaning, remedy_cell(kind));
  }
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
    Page{"events", event_page},
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
