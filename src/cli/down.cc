// SPDX-License-Identifier: Apache-2.0
// `melon down`: ends the daemon; programs go on under their limits.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "os/process_files.h"

namespace melon::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(60);  // with --stop-all every program has its grace

struct Flags {
  bool stop_all = false;
};

// The daemon lets go of its state and devices only when its process ends, after its socket.
bool has_ended(const std::optional<std::int64_t>& pid,
               const std::optional<os::ProcessStat>& before) {
  if (!pid || !before) return true;  // it cannot be seen from here
  const auto now = os::process_stat(static_cast<int>(*pid));
  return !now || now->state == 'Z' || now->start_ticks != before->start_ticks;
}

Result<int> down(Session& session, const Flags& flags) {
  MELON_TRY(const Json version, get(session, "/v1/version"));
  const auto pid = number_of(version, "pid");
  const auto before = pid ? os::process_stat(static_cast<int>(*pid)) : std::nullopt;
  MELON_TRY(const Json ending,
            send(session, "POST", "/v1/shutdown", {{"stop_all", flags.stop_all}}));
  Progress progress(*session.err,
                    flags.stop_all ? "every program is ending" : "the daemon is ending");
  const auto start = steady_clock::now();
  while (daemon_answers(session.socket) || !has_ended(pid, before)) {
    if (steady_clock::now() - start > kPatience)
      return fail(Code::kInternal, "the daemon is still there a minute after it was asked to end",
                  "see what it does: melon events; its pid: melon version");
    progress.show();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  progress.hide();
  *session.err << (flags.stop_all
                       ? "melon: the daemon and every program have ended\n"
                       : "melon: the daemon has ended; programs go on under their limits\n");
  return kOk;
}

}  // namespace

Command down_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "down",
          .summary = "End the daemon; programs go on under their limits",
          .parameters = {{.names = "--stop-all",
                          .target = &flags->stop_all,
                          .text = "End every program first"}},
          .examples = {{"melon down", "The next melon up adopts what runs"},
                       {"melon down --stop-all", "Leave nothing running"}},
          .run = [flags](Session& session) { return down(session, *flags); }};
}

}  // namespace melon::cli
