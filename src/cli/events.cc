// SPDX-License-Identifier: Apache-2.0
// `melon events`: what happened to workloads and devices.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <thread>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/patience.h"
#include "cli/yaml.h"
#include "net/client.h"
#include "net/target.h"

namespace melon::cli {
namespace {

struct Flags {
  std::string name;
  bool follow = false;
};

std::string line(const Session& session, const Json& event) {
  if (session.format == OutputFormat::kYaml) return to_yaml(Json::array({event}));
  if (session.format == OutputFormat::kJson) return event.dump() + "\n";
  return fmt::format("{}  {:<12}  {:<16}  {}\n", text_of(event, "time"), text_of(event, "kind"),
                     text_of(event, "grant"), printable(text_of(event, "message")));
}

Table event_table(const Json& events) {
  Table table{.columns = {{.header = "TIME"},
                          {.header = "KIND"},
                          {.header = "WORKLOAD"},
                          {.header = "MESSAGE"}},
              .rows = {}};
  for (const Json& event : events)
    table.rows.push_back({text_of(event, "time"), text_of(event, "kind"), text_of(event, "grant"),
                          text_of(event, "message")});
  return table;
}

// One line each as it comes, so that a program can read on: JSON lines for -o json, items of one
// list for -o yaml. Goes on after
// the last one that came when the daemon was away.
Result<int> follow(Session& session, const std::string& query) {
  constexpr auto kPause = std::chrono::milliseconds(250);
  Patience patience(session);
  net::FollowOptions options;
  std::string last_id;
  const auto show = [&](const net::Event& received) {
    patience.is_back();
    last_id = received.id;
    const Json event = Json::parse(received.data, nullptr, false);
    if (event.is_object()) *session.out << line(session, event) << std::flush;
    return session.out->good();
  };
  options.on_idle = [&patience] {
    patience.is_back();
    return true;
  };
  while (true) {
    options.last_event_id = last_id;
    const auto ended =
        net::Client(session.socket).follow("/v1/events?watch=true" + query, show, options);
    if (!session.out->good()) return kOk;
    if (!ended) MELON_RETURN_IF_ERROR(patience.bear(ended.error()));
    std::this_thread::sleep_for(kPause);
  }
}

Result<int> events(Session& session, const Flags& flags) {
  const std::string query = flags.name.empty() ? "" : "&grant=" + net::percent_encode(flags.name);
  MELON_TRY(const Json answer, get(session, "/v1/events?since=0" + query));
  // Events outlive their workload; of a name without any, the daemon knows whether it is one.
  if (!flags.name.empty() && answer.empty())
    MELON_RETURN_IF_ERROR(get(session, grant_target(flags.name)));
  if (flags.follow) return follow(session, query);
  session.print(event_table(answer), answer);
  return kOk;
}

}  // namespace

Command events_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "events",
          .summary = "Show what happened: grants, limits, ends, troubles",
          .parameters = {{.names = "NAME",
                          .target = &flags->name,
                          .text = "Only this workload's (name or id)"},
                         {.names = "-f,--follow",
                          .target = &flags->follow,
                          .text = "Go on with what happens; one line or one JSON object each"}},
          .examples = {{"melon events", "What the daemon remembers"},
                       {"melon events -f web-1", "Watch one workload"}},
          .run = [flags](Session& session) { return events(session, *flags); }};
}

}  // namespace melon::cli
