// SPDX-License-Identifier: Apache-2.0
// Decides where state, socket and library are.
#include "agent/places.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace melon::agent {
namespace {

constexpr unsigned kSocketForAll = 0666;
constexpr unsigned kSocketForOwner = 0600;

std::string environment_text(const char* name) {
  const char* const value =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start, one thread
  return value == nullptr ? "" : value;
}

std::string first_of(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts)
    if (!text.empty()) return text;
  return {};
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

Surroundings real_surroundings() {
  Surroundings around{.uid = ::geteuid(),
                      .state_home = environment_text("XDG_STATE_HOME"),
                      .config_home = environment_text("XDG_CONFIG_HOME"),
                      .runtime_dir = environment_text("XDG_RUNTIME_DIR")};
  const std::string home = environment_text("HOME");
  if (around.state_home.empty() && !home.empty()) around.state_home = home + "/.local/state";
  if (around.config_home.empty() && !home.empty()) around.config_home = home + "/.config";
  return around;
}

Result<Places> places_of(const DaemonOptions& options, const config::DaemonConfig& config,
                         const Surroundings& around) {
  const bool root = around.uid == 0;
  Places places{
      .state_folder = {}, .socket = {}, .socket_mode = root ? kSocketForAll : kSocketForOwner};
  const std::string named = first_of({options.state_folder, config.state_folder});
  const std::string default_state = root                        ? "/var/lib/melon"
                                    : around.state_home.empty() ? ""
                                                                : around.state_home + "/melon";
  places.state_folder = absolute(first_of({named, default_state}));
  if (places.state_folder.empty())
    return fail(Code::kFailedPrecondition, "no place for the daemon's state is known",
                "set HOME or XDG_STATE_HOME, or name a folder: --state DIR");
  const std::string default_run = root                         ? "/run/melon"
                                  : around.runtime_dir.empty() ? places.state_folder
                                                               : around.runtime_dir + "/melon";
  const std::string run = named.empty() ? default_run : places.state_folder;
  places.socket = absolute(first_of({options.socket, config.socket, run + "/melon.sock"}));
  return places;
}

std::string config_file(const DaemonOptions& options, const Surroundings& around) {
  if (!options.config_file.empty()) return options.config_file;
  // A user's daemon has places of its own: what root configured for the machine's is not for it.
  const bool user = around.uid != 0 && !around.config_home.empty();
  return user ? around.config_home + "/melon/melon.yaml" : "/etc/melon/melon.yaml";
}

std::vector<std::string> library_candidates(const std::string& binary) {
  const std::filesystem::path folder = std::filesystem::path(binary).parent_path();
  std::vector<std::string> candidates;
  for (const char* const place :
       {"libmelon.so", "../lib/melon/libmelon.so", "../shim/opencl/libmelon.so"})
    candidates.push_back((folder / place).lexically_normal().string());
  return candidates;
}

}  // namespace melon::agent
