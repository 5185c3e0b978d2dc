// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace melon::cli {

// One function per command, each in the file of its name; registry.cc lists them.
Command up_command();
Command down_command();
Command devices_command();
Command run_command();
Command exec_command();
Command env_command();
Command ps_command();
Command top_command();
Command set_command();
Command suspend_command();
Command resume_command();
Command stop_command();
Command wait_command();
Command explain_command();
Command capacity_command();
Command logs_command();
Command events_command();
Command sim_command();
Command vendors_command();
Command doctor_command();
Command version_command();
Command completion_command();
Command reference_command();  // hidden

}  // namespace melon::cli
