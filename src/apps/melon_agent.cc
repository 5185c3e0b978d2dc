// SPDX-License-Identifier: Apache-2.0
// melon-agent: the daemon alone, for service managers; `melon up` runs the same.
#include <CLI/CLI.hpp>
#include <string_view>

#include "agent/daemon.h"
#include "devlib/opencl_probe.h"

int main(int argc, char** argv) {
  // Discovery runs this binary again, so that drivers crash a child and not the daemon.
  if (argc > 1 && std::string_view(argv[1]) == melon::devlib::kProbeArgument)
    return melon::devlib::run_opencl_probe({argv + 2, argv + argc});

  melon::agent::DaemonOptions options;
  CLI::App app("The Melon daemon: slices this machine's devices between programs.");
  app.set_version_flag("--version", MELON_VERSION);
  app.add_option("--state", options.state_folder, "Keep everything below this folder");
  app.add_option("--socket", options.socket, "Listen on this Unix socket");
  app.add_option("--config", options.config_file, "Read this YAML file");
  app.add_option("--metrics", options.metrics_address, "Serve metrics on this TCP address too");
  constexpr int kUsage = 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return melon::agent::run_daemon(options);
}
