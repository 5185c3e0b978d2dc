// SPDX-License-Identifier: Apache-2.0
// `melon vendors`: the families of devices that the daemon knows.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/vendors_offline.h"
#include "cli/yaml.h"
#include "net/target.h"

namespace melon::cli {
namespace {

Result<int> list(Session& session) {
  MELON_TRY(const Json vendors, get(session, "/v1/vendors"));
  Table table{.columns = {{.header = "ID"}, {.header = "NAME"}, {.header = "ENFORCEMENT"}},
              .rows = {}};
  for (const Json& vendor : vendors)
    table.rows.push_back(
        {text_of(vendor, "id"), text_of(vendor, "name"), text_of(vendor, "enforcement")});
  session.print(table, vendors);
  return kOk;
}

Result<int> show(Session& session, const std::string& name) {
  MELON_TRY(const Json vendor, get(session, "/v1/vendors/" + net::percent_encode(name)));
  if (session.structured()) {
    session.print({}, vendor);
  } else {
    *session.out << to_yaml(vendor);
  }
  return kOk;
}

Command show_command() {
  auto name = std::make_shared<std::string>();
  return {.name = "show",
          .summary = "Show one vendor's descriptor",
          .parameters =
              {{.names = "NAME", .target = name.get(), .text = "A vendor's id", .required = true}},
          .examples = {{"melon vendors show opencl", "The descriptor as YAML"}},
          .run = [name](Session& session) { return show(session, *name); }};
}

}  // namespace

Command vendors_command() {
  return {.name = "vendors",
          .summary = "List, show, check and try descriptors of vendors",
          .examples = {{"melon vendors", "Every vendor"}},
          .children = {{.name = "list",
                        .summary = "List vendors",
                        .examples = {{"melon vendors list", "Every vendor"}},
                        .run = list},
                       show_command(),
                       vendors_check_command(),
                       vendors_admit_command()},
          .run = list};
}

}  // namespace melon::cli
