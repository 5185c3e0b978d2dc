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
#include <filesystem>
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
  log.path_ = folder + kName;
  log.limits_ = limits;
  log.file_ = open_for_append(log.path_);
  if (log.file_ < 0)
    return fail(Code::kInternal,
                fmt::format("cannot write the program's output to '{}': {}", log.path_,
                            std::strerror(errno)),
                "see what is wrong with the state folder: melon doctor");
  struct stat status {};
  if (fstat(log.file_, &status) == 0) log.written_ = static_cast<std::size_t>(status.st_size);
  return log;
}

OutputLog::OutputLog(OutputLog&& other) noexcept
    : path_(std::move(other.path_)),
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
    const std::string from = i == 1 ? path_ : fmt::format("{}.{}", path_, i - 1);
    (void)std::rename(from.c_str(), fmt::format("{}.{}", path_, i).c_str());
  }
  const int next = open_for_append(path_);
  if (next >= 0) {
    close(file_);
    file_ = next;
  }
  written_ = 0;
}

std::vector<std::string> log_files(const std::string& folder) {
  std::vector<std::string> files;
  const std::string path = folder + kName;
  std::error_code ignored;
  for (int i = 1; std::filesystem::exists(fmt::format("{}.{}", path, i), ignored); ++i)
    files.insert(files.begin(), fmt::format("{}.{}", path, i));
  if (std::filesystem::exists(path, ignored)) files.push_back(path);
  return files;
}

}  // namespace melon::cli
