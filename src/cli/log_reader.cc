// SPDX-License-Identifier: Apache-2.0
// Follows the output of a detached program through the files that it turns away.
#include "cli/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cli/output_log.h"

namespace melon::cli {
namespace {

constexpr int kOldest = 9;       // more than a log keeps
constexpr int kMostTries = 100;  // at a moment in which the log does not turn

/// Only what the log itself made: its folder belongs to whoever started the program, and root may
/// be reading.
os::Descriptor open_plain(const std::string& path, struct stat& status) {
  os::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file && (fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode))) file.reset();
  return file;
}

void read_on(const os::Descriptor& file, const std::function<void(std::string_view)>& take) {
  std::array<char, 1 << 16> piece;
  for (ssize_t count = 0; (count = read(file.number(), piece.data(), piece.size())) > 0;)
    take({piece.data(), static_cast<std::size_t>(count)});
}

}  // namespace

LogReader::LogReader(std::string folder) : folder_(std::move(folder)) {}

std::vector<LogReader::File> LogReader::open_all() const {
  std::vector<File> files;
  for (int tries = 0; tries < kMostTries; ++tries) {
    files.clear();
    struct stat status {};
    for (int age = 0; age <= kOldest; ++age)
      if (os::Descriptor file = open_plain(log_file(folder_, age), status))
        files.push_back({std::move(file), status.st_ino});
    // The youngest is renamed last: as long as it is what it was, so are the others.
    const os::Descriptor youngest = open_plain(log_file(folder_, 0), status);
    const bool same = files.empty() ? !youngest : youngest && status.st_ino == files.front().number;
    if (same) break;
  }
  return files;
}

bool LogReader::turn_to_next(const std::function<void(std::string_view)>& take) {
  std::vector<File> files = open_all();
  const auto mine = std::find_if(files.begin(), files.end(), [this](const File& each) {
    return current_.file && each.number == current_.number;
  });
  if (files.empty() || mine == files.begin()) return false;
  if (current_.file) read_on(current_.file, take);  // what came before it was turned away
  current_ = std::move(*(mine - 1));
  return true;
}

bool LogReader::rest(const std::function<void(std::string_view)>& take) {
  if (!current_.file && !turn_to_next(take)) return false;
  do {
    read_on(current_.file, take);
  } while (turn_to_next(take));
  return true;
}

}  // namespace melon::cli
