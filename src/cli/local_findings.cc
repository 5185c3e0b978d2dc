// SPDX-License-Identifier: Apache-2.0
// Findings that need no daemon.
#include "cli/local_findings.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/api.h"

namespace melon::cli {
namespace {

constexpr std::array kCodes = {
    LocalFindingRow{"no_daemon", "error", "nothing can be granted, shown or changed"},
    LocalFindingRow{"socket_dead", "error",
                    "a daemon was killed or is ending: nothing can be granted, shown or changed"},
    LocalFindingRow{"socket_denied", "error", "this user cannot speak to the daemon"},
    LocalFindingRow{"opencl_loader_missing", "error",
                    "no program can use OpenCL, and its devices are not found"},
    LocalFindingRow{"opencl_driver_missing", "error",
                    "the OpenCL loader finds no device, the CPU included"},
    LocalFindingRow{"version_differs", "warning",
                    "this program and the daemon may misunderstand each other"},
};

LocalFinding finding(std::string_view code, std::string message, std::string remedy) {
  for (const LocalFindingRow& row : kCodes) {
    if (row.code == code)
      return {std::string(code), std::string(row.severity), std::move(message),
              std::string(row.meaning), std::move(remedy)};
  }
  return {};
}

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
  return access(session.socket.c_str(), W_OK) == 0 ? SocketState::kDead : SocketState::kDenied;
}

bool finds_loader() {
  void* const loader = dlopen("libOpenCL.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (loader == nullptr) return false;
  dlclose(loader);
  return true;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// OCL_ICD_VENDORS is a folder, or the one driver to use (a library or a file that names one).
bool finds_driver(const std::string& given) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = given.empty() ? "/etc/OpenCL/vendors" : given;
  if (!fs::is_directory(folder, error))
    return !given.empty() && (given.front() != '/' || fs::exists(folder, error));
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".icd") return true;
  }
  return false;
}

std::string start_command(const Surroundings& facts) {
  const std::string state =
      facts.state_beside.empty() ? "" : fmt::format(" --state '{}'", facts.state_beside);
  return fmt::format("melon up --detach{} --socket '{}'", state, facts.socket);
}

void add_socket(const Surroundings& facts, std::vector<LocalFinding>& out) {
  const std::string& socket = facts.socket;
  const std::string start = start_command(facts);
  if (facts.socket_state == SocketState::kAbsent)
    out.push_back(finding("no_daemon", fmt::format("no daemon listens on '{}'", socket), start));
  if (facts.socket_state == SocketState::kDead)
    out.push_back(finding("socket_dead", fmt::format("nobody answers on '{}'", socket), start));
  if (facts.socket_state == SocketState::kDenied)
    out.push_back(finding("socket_denied",
                          fmt::format("this user may not open the socket '{}'", socket),
                          "unset MELON_SOCKET; melon up --detach  # your own daemon"));
}

void add_opencl(const Surroundings& facts, std::vector<LocalFinding>& out) {
  const std::string install = fmt::format("{}apt-get install -y ", facts.is_root ? "" : "sudo ");
  if (!facts.has_opencl_loader)
    out.push_back(finding("opencl_loader_missing", "libOpenCL.so.1 cannot be loaded",
                          install + "--reinstall ocl-icd-libopencl1"));
  if (facts.has_opencl_driver) return;
  if (!facts.driver_variable.empty())
    out.push_back(finding("opencl_driver_missing",
                          fmt::format("OCL_ICD_VENDORS names '{}', where no driver is registered",
                                      facts.driver_variable),
                          "unset OCL_ICD_VENDORS"));
  else
    out.push_back(finding("opencl_driver_missing", "no driver is registered in /etc/OpenCL/vendors",
                          install + "--reinstall pocl-opencl-icd"));
}

}  // namespace

std::span<const LocalFindingRow> local_finding_codes() { return kCodes; }

Surroundings look_around(const Session& session) {
  Surroundings facts{.socket = session.socket,
                     .socket_state = state_of(session),
                     .state_beside = state_beside(session.socket),
                     .is_root = geteuid() == 0,
                     .has_opencl_loader = finds_loader(),
                     .has_opencl_driver = true,
                     .driver_variable = variable("OCL_ICD_VENDORS"),
                     .own_version = MELON_VERSION,
                     .daemon_version = ""};
  facts.has_opencl_driver = finds_driver(facts.driver_variable);
  if (const auto version = get(session, "/v1/version"))
    facts.daemon_version = text_of(*version, "version");
  return facts;
}

std::vector<LocalFinding> local_findings(const Surroundings& facts) {
  std::vector<LocalFinding> out;
  add_socket(facts, out);
  add_opencl(facts, out);
  if (!facts.daemon_version.empty() && facts.daemon_version != facts.own_version)
    out.push_back(finding(
        "version_differs",
        fmt::format("this program is {}, the daemon {}", facts.own_version, facts.daemon_version),
        "melon down && " + start_command(facts)));
  return out;
}

}  // namespace melon::cli
