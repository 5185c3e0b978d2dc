// SPDX-License-Identifier: Apache-2.0
// Findings that need no daemon.
#include "cli/local_findings.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/places.h"
#include "agent/start_note.h"
#include "base/shell_word.h"
#include "cli/api.h"
#include "net/client.h"
#include "os/process_files.h"

namespace melon::cli {
namespace {

// The state of a daemon that was started with --state lies where its socket is.
std::string state_beside(const std::string& socket) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(socket, error).parent_path();
  return std::filesystem::exists(folder / "melon.db", error) ? folder.string() : "";
}

SocketState state_of(const Session& session) {
  if (daemon_answers(session.socket)) return SocketState::kAnswers;
  if (access(session.socket.c_str(), F_OK) != 0)
    return errno == EACCES ? SocketState::kDenied : SocketState::kAbsent;
  if (access(session.socket.c_str(), W_OK) != 0) return SocketState::kDenied;
  return net::Client(session.socket).listener_pid() ? SocketState::kSilent : SocketState::kDead;
}

bool is_stopped(int pid) {
  const auto stat = os::process_stat(pid);
  return stat && (stat->state == 'T' || stat->state == 't');
}

std::string find_loader() {
  constexpr const char* kName = "libOpenCL.so.1";
  void* const loader = dlopen(kName, RTLD_LAZY | RTLD_LOCAL);
  if (loader == nullptr) return "";
  const link_map* loaded = nullptr;
  const bool told = dlinfo(loader, RTLD_DI_LINKMAP, static_cast<void*>(&loaded)) == 0;
  std::string path = told && *loaded->l_name != '\0' ? loaded->l_name : kName;
  dlclose(loader);
  return path;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// OCL_ICD_VENDORS is a folder, or the one driver to use (a library or a file that names one).
std::vector<std::string> find_drivers(const std::string& given) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = given.empty() ? "/etc/OpenCL/vendors" : given;
  std::vector<std::string> drivers;
  if (!fs::is_directory(folder, error)) {
    if (!given.empty() && (given.front() != '/' || fs::exists(folder, error)))
      drivers.push_back(given);
    return drivers;
  }
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".icd") drivers.push_back(entry.path().string());
  std::ranges::sort(drivers);
  return drivers;
}

// As the daemon that listened there was started, also another user's.
std::string known_start(const std::string& socket) {
  const auto own = agent::places_of({}, {}, agent::real_surroundings());
  const std::vector<std::string> folders =
      own ? std::vector{own->state_folder} : std::vector<std::string>{};
  const auto note = agent::find_start_note(socket, folders, geteuid());
  if (!note) return "";
  return (note->owner == geteuid() ? "" : "sudo ") + agent::start_command(*note);
}

std::string start_command(const Surroundings& facts) {
  if (!facts.start.empty()) return facts.start;
  const std::string state =
      facts.state_beside.empty() ? "" : " --state " + shell_word(facts.state_beside);
  return fmt::format("melon up --detach{} --socket {}", state, shell_word(facts.socket));
}

core::Fault silent(const Surroundings& facts) {
  const std::map<std::string, std::string> values = {{"pid", std::to_string(facts.listener_pid)}};
  if (facts.listener_stopped)
    return {.code = "daemon_stopped",
            .message = fmt::format("the daemon on '{}', process {}, was stopped by a signal",
                                   facts.socket, facts.listener_pid),
            .values = values};
  return {.code = "daemon_silent",
          .message = fmt::format("process {} listens on '{}' and does not answer",
                                 facts.listener_pid, facts.socket),
          .values = values};
}

void add_socket(const Surroundings& facts, std::vector<core::Fault>& out) {
  const std::string& socket = facts.socket;
  if (facts.socket_state == SocketState::kAbsent)
    out.push_back(
        {.code = "no_daemon", .message = fmt::format("no daemon listens on '{}'", socket)});
  if (facts.socket_state == SocketState::kDead)
    out.push_back(
        {.code = "socket_dead", .message = fmt::format("nobody answers on '{}'", socket)});
  if (facts.socket_state == SocketState::kSilent) out.push_back(silent(facts));
  if (facts.socket_state == SocketState::kDenied)
    out.push_back({.code = "socket_denied",
                   .message = fmt::format("this user may not open the socket '{}'", socket)});
}

void add_opencl(const Surroundings& facts, std::vector<core::Fault>& out) {
  if (facts.opencl_loader.empty())
    out.push_back({.code = "opencl_loader_missing", .message = "libOpenCL.so.1 cannot be loaded"});
  if (!facts.opencl_drivers.empty()) return;
  if (facts.driver_variable.empty())
    out.push_back({.code = "opencl_driver_missing",
                   .message = "no driver is registered in /etc/OpenCL/vendors"});
  else
    out.push_back(
        {.code = "opencl_drivers_hidden",
         .message = fmt::format("OCL_ICD_VENDORS names '{}', where no driver is registered",
                                facts.driver_variable)});
}

}  // namespace

Surroundings look_around(const Session& session) {
  Surroundings facts{.socket = session.socket,
                     .socket_state = state_of(session),
                     .start = known_start(session.socket),
                     .state_beside = state_beside(session.socket),
                     .is_root = geteuid() == 0,
                     .opencl_loader = find_loader(),
                     .opencl_drivers = {},
                     .driver_variable = variable("OCL_ICD_VENDORS"),
                     .own_version = MELON_VERSION,
                     .daemon_version = ""};
  facts.opencl_drivers = find_drivers(facts.driver_variable);
  if (facts.socket_state == SocketState::kSilent) {
    facts.listener_pid = net::Client(session.socket).listener_pid().value_or(0);
    facts.listener_stopped = is_stopped(facts.listener_pid);
    return facts;
  }
  if (const auto version = get(session, "/v1/version"))
    facts.daemon_version = text_of(*version, "version");
  return facts;
}

std::vector<core::Finding> local_findings(const Surroundings& facts) {
  std::vector<core::Fault> faults;
  add_socket(facts, faults);
  add_opencl(facts, faults);
  if (!facts.daemon_version.empty() && facts.daemon_version != facts.own_version)
    faults.push_back({.code = "version_differs",
                      .message = fmt::format("this program is {}, the daemon {}", facts.own_version,
                                             facts.daemon_version)});
  std::vector<core::Finding> findings;
  for (const core::Fault& fault : faults)
    findings.push_back(core::explain(
        fault, {{"as_root", facts.is_root ? "" : "sudo "}, {"start", start_command(facts)}}));
  return findings;
}

}  // namespace melon::cli
