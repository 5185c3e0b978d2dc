// SPDX-License-Identifier: Apache-2.0
// `melon run`: asks for a slice and runs a program inside it.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "agent/requests.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"
#include "cli/keeper.h"
#include "cli/number_flags.h"
#include "cli/request_flags.h"
#include "cli/waiting.h"
#include "cli/workload.h"
#include "core/names.h"

namespace melon::cli {
namespace {

struct Flags {
  RequestFlags request;
  std::optional<std::string> name;
  std::optional<std::string> wait;
  std::optional<std::string> keep;
  bool detach = false;
  bool dry_run = false;
  Trailing command;
};

// What a flag says, in the whole seconds that the daemon counts in; a part of one counts as one.
Result<std::int64_t> parse_seconds(std::string_view flag, const std::string& typed) {
  constexpr DurationRange kSeconds{std::chrono::seconds(1),
                                   std::chrono::seconds(agent::kLongestSeconds)};
  MELON_TRY(const auto duration, parse_flag(flag, typed, kSeconds));
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

// The command line is only for its owner to see: what is longer than a request may be is cut.
std::vector<std::string> shown_arguments(const std::vector<std::string>& command) {
  constexpr std::size_t kMostWords = 1000;
  std::size_t bytes_left = 64 << 10;
  std::vector<std::string> shown;
  for (const std::string& word : command) {
    if (shown.size() == kMostWords || word.size() > bytes_left) {
      shown.emplace_back("...");
      break;
    }
    bytes_left -= word.size();
    shown.push_back(word);
  }
  return shown;
}

Result<Json> to_request(const Flags& flags, Session& session) {
  MELON_TRY(Json body, to_body(flags.request, session));
  if (flags.name) {
    MELON_RETURN_IF_ERROR(core::check_name(*flags.name));
    body["name"] = *flags.name;
  }
  if (flags.wait) {
    body["wait"] = true;
    body["waiter_pid"] = getpid();
    if (!flags.wait->empty()) {
      MELON_TRY(body["wait_seconds"], parse_seconds("--wait", *flags.wait));
    }
  }
  if (flags.keep) {
    MELON_TRY(body["keep_seconds"], parse_seconds("--keep", *flags.keep));
  }
  if (flags.dry_run) body["dry_run"] = true;
  if (!flags.command.empty()) body["arguments"] = shown_arguments(flags.command);
  return body;
}

Table plan_table(const Json& plan) {
  Table table{.columns = {{.header = "DEVICE"},
                          {.header = "MEMORY", .right = true},
                          {.header = "COMPUTE", .right = true},
                          {.header = "CEILING", .right = true}},
              .rows = {}};
  for (const Json& slice : list_of(plan, "placements"))
    table.rows.push_back({text_of(slice, "device"), memory_text(number_of(slice, "memory_mib")),
                          booked_text(slice), compute_text(number_of(slice, "ceiling_permille"))});
  return table;
}

// A dry run starts nothing, so its exit codes are those of the other commands.
int dry_run(Session& session, const Flags& flags) {
  const auto plan = [&]() -> Result<Json> {
    MELON_TRY(const Json body, to_request(flags, session));
    return send(session, "POST", "/v1/grants", body);
  }();
  if (!plan) {
    print_error(*session.err, plan.error());
    return to_exit_code(plan.error().code);
  }
  session.print(plan_table(*plan), *plan);
  return kOk;
}

Started<int> run_in_foreground(Session& session, const Workload& workload, const Launch& launch,
                               const HeldSignals& signals) {
  session.out->flush();
  return start_inside(session, workload, launch, signals).map([&](pid_t program) {
    const Ending ending = attend(program, signals);
    record_ending(session, workload, program, ending);
    return ending.exit_code;
  });
}

// What came of it: its name, or all of it as it is now.
void show_started(Session& session, const Json& grant) {
  if (!session.structured()) {
    *session.out << text_of(grant, "name") << '\n';
    return;
  }
  const auto now = get(session, grant_target(text_of(grant, "id")));
  session.print({}, documented_grant(now ? *now : grant));
}

Started<int> run_detached(Session& session, const Json& grant, const Workload& workload,
                          const Launch& launch, const HeldSignals& signals) {
  return start_detached(session, workload, launch, signals).map([&] {
    show_started(session, grant);
    return kOk;
  });
}

// From a grant that holds its slices to the end of the program, or to its start when detached.
Result<int> run_granted(Session& session, const Flags& flags, const std::string& program,
                        const Json& grant, const HeldSignals& signals) {
  const std::string id = text_of(grant, "id");
  const auto workload = enter(session, grant);
  if (!workload) {
    release(session, id);
    return tl::unexpected<Error>(workload.error());
  }
  const Launch launch = prepare(session, *workload, program, flags.command);
  const auto ended = flags.detach ? run_detached(session, grant, *workload, launch, signals)
                                  : run_in_foreground(session, *workload, launch, signals);
  if (ended) return *ended;
  release(session, id);
  return end_unstarted(session, ended.error());
}

Result<int> ask_and_run(Session& session, const Flags& flags, const std::string& program) {
  MELON_TRY(const Json body, to_request(flags, session));
  const HeldSignals signals;
  MELON_TRY(const Json answer, send(session, "POST", "/v1/grants", body));
  std::optional<int> ended_by;
  MELON_TRY(const Json grant, wait_for_room(session, answer, signals, ended_by));
  if (ended_by) {
    release(session, text_of(grant, "id"));
    return kSignalBase + *ended_by;
  }
  if (!flags.command.empty()) return run_granted(session, flags, program, grant, signals);
  show_started(session, grant);
  return kOk;
}

Result<int> run(Session& session, const Flags& flags) {
  if (flags.dry_run) return dry_run(session, flags);
  if (flags.command.empty() && !flags.detach)
    return fail(Code::kInvalidArgument, "no program to run",
                "put it behind '--': melon run --memory 1GiB -- PROGRAM ARGUMENTS; or reserve a "
                "slice without a program: melon run --detach --keep 10m");
  if (flags.command.empty()) return ask_and_run(session, flags, "");
  const auto program = find_program(flags.command.front(), search_path());
  if (!program) return end_unstarted(session, {.error = program.error(), .by_program = true});
  return ask_and_run(session, flags, *program);
}

std::vector<Parameter> own_parameters(Flags& flags) {
  return {{.names = "--detach", .target = &flags.detach, .text = "Return at once; see: melon logs"},
          {.names = "--wait",
           .target = &flags.wait,
           .value = "DURATION",
           .text = "Wait for room, first come first served; give up after this time",
           .value_may_be_absent = true},
          {.names = "--keep",
           .target = &flags.keep,
           .value = "DURATION",
           .text = "Keep the slice this long while no process is in it (default 1m)"},
          {.names = "--dry-run",
           .target = &flags.dry_run,
           .text = "Only say where it would run, or why it does not fit"}};
}

}  // namespace

Command run_command() {
  auto flags = std::make_shared<Flags>();
  Command command{
      .name = "run",
      .summary = "Run a program inside a slice of a device",
      .description =
          "Without --memory the whole device is asked for, which must be free. Without --compute\n"
          "the share is weighted and books nothing; with it, hard: never above. A burst share\n"
          "books --compute and may use up to --max.\n"
          "Standard streams, signals and the exit status are the program's own. 125: Melon's own\n"
          "failure; 126: not executable; 127: not found; 128+N: ended by signal N.",
      .examples = {{"melon run --memory 1GiB --compute 25% -- hashcat -m 0 hashes.txt words.txt",
                    "A hard quarter of a device's compute"},
                   {"melon run --name web-1 --memory 2G --share burst --compute 20% --max 60% "
                    "--detach -- ./serve",
                    "A guarantee with a ceiling, in the background"},
                   {"melon run --memory 512MiB --wait=10m -- clpeak",
                    "Queue for at most ten minutes"},
                   {"melon run --memory 64GiB --dry-run", "Why a request does not fit"},
                   {"melon run --name box --memory 1GiB --detach --keep 10m",
                    "Reserve a slice for a container (see: melon env box --docker)"}},
      .run = [flags](Session& session) { return run(session, *flags); },
      .trailing = &flags->command,
      .exit_rule = ExitRule::kProgram};
  command.parameters = {{.names = "--name",
                         .target = &flags->name,
                         .value = "NAME",
                         .text = "The workload's name (default: made up)"}};
  for (auto&& group : {changeable_parameters(flags->request), placing_parameters(flags->request),
                       own_parameters(*flags)})
    command.parameters.insert(command.parameters.end(), group.begin(), group.end());
  return command;
}

}  // namespace melon::cli
