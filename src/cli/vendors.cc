// SPDX-License-Identifier: Apache-2.0
// `melon vendors`: the families of devices that the daemon knows, or without one those in files.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/vendors_offline.h"
#include "cli/yaml.h"
#include "config/descriptors.h"

namespace melon::cli {
namespace {

/// The vendors of this program, with a folder's over them; nobody is asked.
Result<Json> known_here(const std::string& folder) {
  MELON_TRY(const auto descriptors, config::load_descriptors(folder));
  Json vendors = Json::array();
  for (const vendors::Descriptor& vendor : descriptors)
    vendors.push_back(Json::parse(config::to_answer(vendor)));
  return vendors;
}

/// What a running daemon knows; without one, and with a folder, what is known here.
Result<Json> known(Session& session, const std::string& folder) {
  if (!folder.empty()) return known_here(folder);
  auto vendors = get(session, "/v1/vendors");
  if (vendors || vendors.error().code != Code::kUnavailable) return vendors;
  *session.err << "melon: no daemon answers: these are the built-in vendors\n";
  return known_here("");
}

Result<int> list(Session& session, const std::string& folder) {
  MELON_TRY(const Json vendors, known(session, folder));
  Table table{.columns = {{.header = "ID"}, {.header = "NAME"}, {.header = "ENFORCEMENT"}},
              .rows = {}};
  for (const Json& vendor : vendors)
    table.rows.push_back(
        {text_of(vendor, "id"), text_of(vendor, "name"), text_of(vendor, "enforcement")});
  session.print(table, vendors);
  return kOk;
}

Result<int> show(Session& session, const std::string& folder, const std::string& name) {
  MELON_TRY(const Json vendors, known(session, folder));
  for (const Json& vendor : vendors) {
    if (text_of(vendor, "id") != name) continue;
    if (session.structured()) {
      session.print({}, vendor);
    } else {
      *session.out << to_yaml(vendor);
    }
    return kOk;
  }
  return fail(Code::kNotFound, fmt::format("no vendor '{}'", name),
              "see what there is: melon vendors");
}

Parameter folder_flag(std::string& folder) {
  return {.names = "--vendors",
          .target = &folder,
          .value = "FOLDER",
          .text = "Vendor descriptors beside the built-in ones; no daemon is asked"};
}

Command list_command() {
  auto folder = std::make_shared<std::string>();
  return {.name = "list",
          .summary = "List vendors",
          .parameters = {folder_flag(*folder)},
          .examples = {{"melon vendors list", "Every vendor"}},
          .run = [folder](Session& session) { return list(session, *folder); }};
}

Command show_command() {
  auto name = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>();
  return {.name = "show",
          .summary = "Show one vendor's descriptor",
          .parameters =
              {{.names = "NAME", .target = name.get(), .text = "A vendor's id", .required = true},
               folder_flag(*folder)},
          .examples = {{"melon vendors show opencl", "The descriptor as YAML"}},
          .run = [name, folder](Session& session) { return show(session, *folder, *name); }};
}

}  // namespace

Command vendors_command() {
  return {.name = "vendors",
          .summary = "List, show, check and try descriptors of vendors",
          .examples = {{"melon vendors", "Every vendor"}},
          .children = {list_command(), show_command(), vendors_check_command(),
                       vendors_admit_command()},
          .run = [](Session& session) { return list(session, ""); }};
}

}  // namespace melon::cli
