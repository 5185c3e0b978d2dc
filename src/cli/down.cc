// SPDX-License-Identifier: Apache-2.0
// `melon down`: ends the daemon; programs go on under their limits.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace melon::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(60);  // with --stop-all every program has its grace

struct Flags {
  bool stop_all = false;
};

Result<int> down(Session& session, const Flags& flags) {
  MELON_TRY(const Json ending,
            send(session, "POST", "/v1/shutdown", {{"stop_all", flags.stop_all}}));
  const auto start = steady_clock::now();
  while (daemon_answers(session.socket)) {
    if (steady_clock::now() - start > kPatience)
      return fail(Code::kInternal, "the daemon still answers a minute after it was asked to end",
                  "see what it does: melon events; its pid: melon version");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
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
