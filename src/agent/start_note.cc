// SPDX-License-Identifier: Apache-2.0
// Keeps how a daemon was started in files beside its state and its socket.
#include "agent/start_note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/shell_word.h"
#include "os/descriptor.h"

namespace melon::agent {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

std::string absolute(const std::string& path) {
  std::error_code error;
  return path.empty() ? path : fs::absolute(path, error).lexically_normal().string();
}

std::string note_in(const std::string& folder) { return folder + "/start.json"; }
std::string note_beside(const std::string& socket) { return socket + ".start.json"; }

/// Never through a link that somebody put there: a folder around a socket may be anybody's.
void replace(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const os::Descriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) return;
  const bool whole =
      ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!whole || ::rename(fresh.c_str(), path.c_str()) != 0) ::unlink(fresh.c_str());
}

std::string text_of(const Json& note, const char* key) {
  const auto found = note.find(key);
  return found != note.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<StartNote> read(const std::string& path, std::uint32_t reader) {
  const os::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (others_write || (status.st_uid != 0 && status.st_uid != reader)) return {};
  std::array<char, 32 << 10> text{};
  const ssize_t size = ::read(file.number(), text.data(), text.size());
  if (size <= 0) return {};
  const Json note = Json::parse(text.begin(), text.begin() + size, nullptr, false);
  if (!note.is_object()) return {};
  return StartNote{.socket = text_of(note, "socket"),
                   .state_folder = text_of(note, "state_folder"),
                   .config_file = text_of(note, "config_file"),
                   .metrics_address = text_of(note, "metrics_address"),
                   .unit = text_of(note, "unit"),
                   .owner = status.st_uid};
}

}  // namespace

StartNote start_note_of(const DaemonOptions& options, const Places& places) {
  const char* const unit = std::getenv("MELON_UNIT");
  return {.socket = places.socket,
          .state_folder = places.state_folder,
          .config_file = absolute(options.config_file),
          .metrics_address = options.metrics_address,
          .unit = unit == nullptr ? "" : unit};
}

std::string start_command(const StartNote& note) {
  if (!note.unit.empty()) return "systemctl start " + shell_word(note.unit);
  std::string command = fmt::format("melon up --detach --state {} --socket {}",
                                    shell_word(note.state_folder), shell_word(note.socket));
  if (!note.config_file.empty()) command += " --config " + shell_word(note.config_file);
  if (!note.metrics_address.empty()) command += " --metrics " + shell_word(note.metrics_address);
  return command;
}

void leave_start_note(const StartNote& note) {
  const std::string text = Json{{"socket", note.socket},
                                {"state_folder", note.state_folder},
                                {"config_file", note.config_file},
                                {"metrics_address", note.metrics_address},
                                {"unit", note.unit}}
                               .dump(2, ' ', false, Json::error_handler_t::replace) +
                           "\n";
  replace(note_in(note.state_folder), text);
  if (fs::path(note.socket).parent_path() != fs::path(note.state_folder))
    replace(note_beside(note.socket), text);
}

std::optional<StartNote> find_start_note(const std::string& socket,
                                         const std::vector<std::string>& folders,
                                         std::uint32_t reader) {
  const std::string wanted = absolute(socket);
  std::vector<std::string> files = {note_beside(wanted),
                                    note_in(fs::path(wanted).parent_path().string())};
  for (const std::string& folder : folders) files.push_back(note_in(folder));
  for (const std::string& file : files)
    if (auto note = read(file, reader); note && note->socket == wanted) return note;
  return {};
}

}  // namespace melon::agent
