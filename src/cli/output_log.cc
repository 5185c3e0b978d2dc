// SPDX-License-Identifier: Apache-2.0
// The rotating output of detached programs.
#include "cli/output_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace melon::cli {
namespace {

constexpr const char* kName = "/output.log";

int open_for_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

}  // namespace

Result<OutputLog> OutputLog::open(const std::string& folder, const Limits& limits) {
  OutputLog log;
  log.folder_ = folder;
  log.limits_ = limits;
  const std::string path = log_file(folder, 0);
  log.file_ = open_for_append(path);
  if (log.file_ < 0)
    return fail(
        Code::kInternal,
        fmt::format("cannot write the program's output to '{}': {}", path, std::strerror(errno)),
        "see what is wrong with the state folder: melon doctor");
  struct stat status {};
  if (fstat(log.file_, &status) == 0) log.written_ = static_cast<std::size_t>(status.st_size);
  return log;
}

OutputLog::OutputLog(OutputLog&& other) noexcept
    : folder_(std::move(other.folder_)),
      limits_(other.limits_),
      file_(std::exchange(other.file_, -1)),
      written_(other.written_) {}

OutputLog::~OutputLog() {
  if (file_ >= 0) close(file_);
}

void OutputLog::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (written_ >= limits_.file_bytes) rotate();
    const std::size_t room = limits_.file_bytes - std::min(written_, limits_.file_bytes);
    const ssize_t count = write(file_, bytes.data(), std::min(room, bytes.size()));
    if (count <= 0) {
      if (errno == EINTR) continue;
      return;
    }
    written_ += static_cast<std::size_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void OutputLog::rotate() {
  for (int i = limits_.files - 1; i > 0; --i) {
    (void)std::rename(log_file(folder_, i - 1).c_str(), log_file(folder_, i).c_str());
  }
  const int next = open_for_append(log_file(folder_, 0));
  if (next >= 0) {
    close(file_);
    file_ = next;
  }
  written_ = 0;
}

std::string log_file(const std::string& folder, int age) {
  return age == 0 ? folder + kName : fmt::format("{}{}.{}", folder, kName, age);
}

}  // namespace melon::cli
