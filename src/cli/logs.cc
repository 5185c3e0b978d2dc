// SPDX-License-Identifier: Apache-2.0
// `melon logs`: what a detached program wrote.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string_view>
#include <thread>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/log_reader.h"
#include "cli/patience.h"
#include "cli/workload.h"
#include "core/grant.h"
#include "core/names.h"

namespace melon::cli {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);

struct Flags {
  std::string name;
  bool follow = false;
  std::optional<int> tail;
};

std::string last_lines(const std::string& text, int lines) {
  if (lines <= 0) return "";
  std::size_t at = text.size();
  if (text.ends_with('\n')) --at;
  for (int found = 0; at > 0; --at) {
    if (text[at - 1] == '\n' && ++found == lines) break;
  }
  return text.substr(at);
}

Result<std::string> folder_of(const Session& session, const Json& grant) {
  if (const std::string folder = text_of(grant, "folder"); !folder.empty()) return folder;
  if (!grant.contains("pids"))
    return fail(Code::kPermissionDenied,
                fmt::format("the output of '{}' is private to its owner, {}",
                            text_of(grant, "name"), text_of(grant, "owner")),
                fmt::format("ask {}, or run: sudo melon logs {}", text_of(grant, "owner"),
                            text_of(grant, "name")));
  MELON_TRY(const Json version, get(session, "/v1/version"));
  return text_of(version, "state_folder") + "/grants/" + text_of(grant, "id");
}

Result<int> follow(Session& session, const std::string& id, LogReader& log) {
  const auto print = [&session](std::string_view piece) { *session.out << piece; };
  PatientReader reader(session, grant_target(id));
  bool over = false;
  while (true) {
    MELON_TRY(const std::optional<Json> grant, reader.read());
    if (grant) {
      MELON_TRY(const core::State state, core::parse_state(text_of(*grant, "state")));
      over = core::is_over(state);
    }
    log.rest(print);
    *session.out << std::flush;
    if (over || !*session.out) return kOk;
    std::this_thread::sleep_for(kPoll);
  }
}

Result<int> logs(Session& session, const Flags& flags) {
  if (flags.tail && *flags.tail < 0)
    return fail(Code::kInvalidArgument, fmt::format("tail '{}' is below zero", *flags.tail),
                "write a number of lines, such as --tail 20");
  MELON_TRY(const Json grant, get(session, grant_target(flags.name)));
  MELON_TRY(const std::string folder, folder_of(session, grant));
  LogReader log(folder + "/private");
  std::string text;
  if (!log.rest([&text](std::string_view piece) { text += piece; }))
    return fail(Code::kNotFound, fmt::format("'{}' has no output kept", flags.name),
                "only programs started with: melon run --detach leave output here");
  *session.out << (flags.tail ? last_lines(text, *flags.tail) : text) << std::flush;
  return flags.follow ? follow(session, text_of(grant, "id"), log) : kOk;
}

}  // namespace

Command logs_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "logs",
          .summary = "Show what a detached program wrote",
          .description =
              "The youngest 30 MB are kept, private to the owner, until 100 later workloads of\n"
              "his have ended.",
          .parameters = {{.names = "NAME",
                          .target = &flags->name,
                          .text = "A workload's name or id",
                          .required = true},
                         {.names = "-f,--follow",
                          .target = &flags->follow,
                          .text = "Go on until the program ends"},
                         {.names = "--tail",
                          .target = &flags->tail,
                          .value = "N",
                          .text = "Only the last N lines"}},
          .examples = {{"melon logs web-1", "Everything kept"},
                       {"melon logs -f --tail 20 web-1", "The end, and what comes"}},
          .run = [flags](Session& session) { return logs(session, *flags); }};
}

}  // namespace melon::cli
