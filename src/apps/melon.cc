// SPDX-License-Identifier: Apache-2.0
// The `melon` program.
#include <string_view>

#include "cli/command_line.h"
#include "devlib/opencl_probe.h"

int main(int argc, char** argv) {
  // Discovery runs this binary again, so that drivers crash a child and not the daemon.
  if (argc > 1 && std::string_view(argv[1]) == melon::devlib::kProbeArgument)
    return melon::devlib::run_opencl_probe({argv + 2, argv + argc});
  return melon::cli::run_melon(argc, argv);
}
