// SPDX-License-Identifier: Apache-2.0
// `melon top`: devices and workloads, live.
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"
#include "cli/number_flags.h"
#include "cli/patience.h"
#include "cli/terminal.h"
#include "cli/top_screen.h"

namespace melon::cli {
namespace {

struct Flags {
  bool once = false;
  std::string every = "1s";
};

struct Snapshot {
  Json devices;
  Json grants;
};

Result<Snapshot> take(const Session& session) {
  MELON_TRY(Json devices, get(session, "/v1/devices"));
  MELON_TRY(Json grants, get(session, "/v1/grants"));
  return Snapshot{.devices = std::move(devices), .grants = std::move(grants)};
}

/// Blocks the signals that would leave the terminal as a full screen, and reads them as events.
class ScreenSignals {
 public:
  ScreenSignals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})
      sigaddset(&set_, signal);
    sigprocmask(SIG_BLOCK, &set_, &before_);
    events_ = signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~ScreenSignals() {
    close(events_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  ScreenSignals(const ScreenSignals&) = delete;
  ScreenSignals& operator=(const ScreenSignals&) = delete;

  int events() const { return events_; }
  std::optional<int> next() const {
    signalfd_siginfo received{};
    if (read(events_, &received, sizeof received) != sizeof received) return std::nullopt;
    return static_cast<int>(received.ssi_signo);
  }

 private:
  sigset_t set_{};
  sigset_t before_{};
  int events_ = -1;
};

/// What ended the screen: a key (0) or a signal.
struct Top {
  Session& session;
  int interval_ms;
  TopView view = {};
  TopHistory history = {};
  Snapshot now = {};
  Patience patience{session, true};  // what it writes would stand in the screen

  /// What was seen last stays while the daemon is away.
  Result<> sample() {
    auto taken = take(session);
    if (!taken) {
      view.notice = Patience::kAway;
      return patience.bear(taken.error());
    }
    patience.is_back();
    view.notice.clear();
    now = std::move(*taken);
    history.add(now.devices, now.grants);
    return {};
  }
  void draw(FullScreen& screen) {
    const TerminalSize size = terminal_size();
    view.width = size.columns;
    view.height = size.lines;
    screen.show(top_screen(now.devices, now.grants, history, view));
  }
};

// The exit code that a signal asks for; nothing for those that only redraw.
std::optional<int> react(int signal, FullScreen& screen) {
  if (signal == SIGWINCH) return std::nullopt;
  if (signal == SIGINT) return kOk;
  if (signal != SIGTSTP) return kSignalBase + signal;
  screen.leave();
  raise(SIGSTOP);
  screen.enter();
  return std::nullopt;
}

std::optional<int> handle_keys(TopView& view) {
  std::array<char, 64> keys;
  const ssize_t count = read(STDIN_FILENO, keys.data(), keys.size());
  if (count <= 0) return kOk;  // the terminal is gone
  for (ssize_t i = 0; i < count; ++i) {
    if (!press(keys[static_cast<std::size_t>(i)], view)) return kOk;
  }
  return std::nullopt;
}

Result<int> live(Session& session, int interval_ms) {
  Top top{.session = session, .interval_ms = interval_ms};
  top.view.color = session.color;
  top.view.glyphs = terminal_glyphs();
  MELON_TRY(top.now, take(session));  // without a daemon there is nothing to show yet
  top.history.add(top.now.devices, top.now.grants);
  const ScreenSignals signals;
  FullScreen screen;
  while (true) {
    top.draw(screen);
    std::array<pollfd, 2> waits = {{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                    {.fd = signals.events(), .events = POLLIN, .revents = 0}}};
    const int ready = poll(waits.data(), waits.size(), top.interval_ms);
    if (ready == 0) MELON_RETURN_IF_ERROR(top.sample());
    if (waits[0].revents != 0) {
      if (const auto code = handle_keys(top.view)) return *code;
    }
    while (const auto signal = signals.next()) {
      if (const auto code = react(*signal, screen)) return *code;
    }
  }
}

Result<int> once(Session& session) {
  MELON_TRY(const Snapshot now, take(session));
  if (session.structured()) {
    Json documented = {{"devices", Json::array()}, {"grants", Json::array()}};
    for (const Json& device : now.devices)
      documented["devices"].push_back(documented_device(device));
    for (const Json& grant : now.grants) documented["grants"].push_back(documented_grant(grant));
    session.print({}, documented);
    return kOk;
  }
  TopHistory history;
  history.add(now.devices, now.grants);
  TopView view;
  view.color = session.color;
  view.glyphs = terminal_glyphs();
  view.width = terminal_size().columns;
  view.height = 8 + now.devices.size() + now.grants.size();
  auto lines = top_screen(now.devices, now.grants, history, view);
  lines.pop_back();  // the keys
  for (const std::string& line : lines)
    *session.out << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  return kOk;
}

Result<int> top(Session& session, const Flags& flags) {
  if (flags.once) return once(session);
  constexpr DurationRange kEvery{std::chrono::milliseconds(100), std::chrono::hours(1)};
  MELON_TRY(const auto interval, parse_flag("--every", flags.every, kEvery));
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
    return fail(Code::kInvalidArgument, "the live screen needs a terminal",
                "in scripts use: melon top --once");
  return live(session, static_cast<int>(interval.count()));
}

}  // namespace

Command top_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "top",
          .summary = "Watch devices and workloads, live",
          .description =
              "Keys: q quit, s order (name, memory, compute), / filter.\n"
              "MEMORY and COMPUTE are used/asked; w100 is a weight, 20%+ a guarantee\n"
              "with a ceiling. A daemon that is started again is waited for.",
          .parameters = {{.names = "--once",
                          .target = &flags->once,
                          .text = "Print one screen and end, for scripts"},
                         {.names = "--every",
                          .target = &flags->every,
                          .value = "DURATION",
                          .text = "Time between two samples (default 1s)"}},
          .examples = {{"melon top", "The live screen"}, {"melon top --once", "One look"}},
          .run = [flags](Session& session) { return top(session, *flags); }};
}

}  // namespace melon::cli
