// SPDX-License-Identifier: Apache-2.0
// The one list of commands.
#include "cli/commands.h"

namespace melon::cli {

std::vector<Command> commands() {
  return {up_command(),      down_command(),       devices_command(),  run_command(),
          exec_command(),    env_command(),        ps_command(),       top_command(),
          set_command(),     suspend_command(),    resume_command(),   stop_command(),
          wait_command(),    explain_command(),    capacity_command(), logs_command(),
          events_command(),  sim_command(),        vendors_command(),  doctor_command(),
          version_command(), completion_command(), reference_command()};
}

}  // namespace melon::cli
