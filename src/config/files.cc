// SPDX-License-Identifier: Apache-2.0
// Reads the files that people write.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "config/detail/files.h"
#include "config/hami_device_config.h"

namespace melon::config::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = 1U << 20;

tl::unexpected<Error> cannot_read(const std::string& path, std::error_code reason) {
  const bool absent = reason == std::errc::no_such_file_or_directory;
  return fail(absent ? Code::kNotFound : Code::kPermissionDenied,
              fmt::format("cannot read '{}': {}", path, reason.message()),
              absent ? "check the path" : "let the daemon's user read it");
}

tl::unexpected<Error> too_large(const std::string& path) {
  return fail(Code::kInvalidArgument, fmt::format("'{}' is larger than 1 MiB", path),
              "a file of this kind has a few dozen lines");
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code reason;
  const fs::file_status status = fs::status(path, reason);
  if (reason) return cannot_read(path, reason);
  if (!fs::is_regular_file(status))
    return fail(Code::kInvalidArgument, fmt::format("'{}' is no regular file", path),
                "name a YAML file");
  if (fs::file_size(path, reason) > kMostBytes) return too_large(path);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot_read(path, {errno, std::generic_category()});
  // Files of /proc tell no size.
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes) return too_large(path);
  return text;
}

Result<std::vector<std::string>> yaml_files_in(const std::string& folder) {
  std::error_code reason;
  std::vector<std::string> files;
  for (fs::directory_iterator it(folder, reason), end; !reason && it != end; it.increment(reason))
    if (it->path().extension() == ".yaml" || it->path().filename() == kHamiNodeConfig)
      files.push_back(it->path().string());
  if (reason) return cannot_read(folder, reason);
  std::ranges::sort(files);
  return files;
}

}  // namespace melon::config::detail
