// SPDX-License-Identifier: Apache-2.0
// Finds programs and decides whether libmelon.so can be preloaded into them.
#include "cli/program.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <sstream>

#include "cli/elf_file.h"

namespace melon::cli {
namespace {

constexpr int kMaxInterpreters = 4;  // the kernel's own bound on scripts run by scripts

enum class Found { kNo, kYes, kNotExecutable };

Found look_at(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return errno == EACCES ? Found::kNotExecutable : Found::kNo;
  if (!S_ISREG(status.st_mode)) return Found::kNotExecutable;
  return access(path.c_str(), X_OK) == 0 ? Found::kYes : Found::kNotExecutable;
}

std::vector<std::string> candidates(const std::string& name, const std::string& search_path) {
  if (name.empty() || name.find('/') != std::string::npos) return {name};
  std::vector<std::string> paths;
  std::istringstream folders(search_path);
  for (std::string folder; std::getline(folders, folder, ':');)
    paths.push_back((folder.empty() ? "." : folder) + "/" + name);
  return paths;
}

tl::unexpected<Error> not_executable(const std::string& path) {
  struct stat status {};
  const bool folder = stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (folder)
    return fail(Code::kFailedPrecondition,
                fmt::format("cannot run '{}': it is a folder, not a program", path),
                "name a program inside it");
  return fail(Code::kFailedPrecondition,
              fmt::format("cannot run '{}': it is not executable for this user", path),
              "make it executable (chmod +x), or name the program that reads it");
}

// The interpreter that a script's first line names; for env, the program that env will find.
std::optional<std::string> interpreter_of(const std::string& path, const std::string& search_path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 256> head{};
  file.read(head.data(), head.size());
  std::string line(head.data(), static_cast<std::size_t>(file.gcount()));
  if (!line.starts_with("#!")) return std::nullopt;
  std::istringstream words(line.substr(2, line.find('\n') - 2));
  std::string program;
  words >> program;
  if (!program.ends_with("/env")) return program;
  for (std::string word; words >> word;) {
    if (word.starts_with("-") || word.find('=') != std::string::npos) continue;
    return find_program(word, search_path).value_or(program);
  }
  return program;
}

bool gains_privileges(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return false;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) return true;
  if ((status.st_mode & S_ISGID) != 0 && status.st_gid != getegid()) return true;
  return geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

// Empty: nothing stands against it.
std::string why_no_preload(const ElfFile& file) {
  if (!file.is_64_bit) return "a 32-bit program";
  if (!file.is_own_machine) return "a program for another processor";
  if (file.interpreter.find("musl") != std::string::npos) return "a musl program";
  return file.sanitizer.empty() ? "" : "linked with " + file.sanitizer;
}

void judge(const std::string& path, Program& program) {
  if (gains_privileges(path))
    program.warnings.push_back(fmt::format(
        "'{}' changes its user or capabilities when it starts: the loader drops libmelon.so, so "
        "its limits may not be kept",
        path));
  const auto file = read_elf_file(path);
  if (!file) return;
  if (const std::string why = why_no_preload(*file); !why.empty()) {
    program.takes_preload = false;
    program.warnings.push_back(
        fmt::format("'{}' is {}: libmelon.so is not preloaded; limits are kept only through the "
                    "OpenCL loader's "
                    "layers",
                    path, why));
  } else if (file->interpreter.empty()) {
    program.warnings.push_back(fmt::format(
        "'{}' is static: no library can be preloaded, so its limits may not be kept", path));
  }
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::string& search_path) {
  std::string refused;
  for (const std::string& path : candidates(name, search_path)) {
    const Found found = look_at(path);
    if (found == Found::kYes) return path;
    if (found == Found::kNotExecutable && refused.empty()) refused = path;
  }
  if (!refused.empty()) return not_executable(refused);
  return fail(Code::kNotFound, fmt::format("cannot run '{}': no such program", name),
              name.find('/') == std::string::npos
                  ? "check its spelling and PATH, or give the program's full path"
                  : "check the path");
}

Program examine_program(const std::string& path, const std::string& search_path) {
  Program program{.path = path, .takes_preload = true, .warnings = {}};
  std::string file = path;
  for (int depth = 0; depth < kMaxInterpreters; ++depth) {
    const auto interpreter = interpreter_of(file, search_path);
    if (!interpreter) break;
    file = *interpreter;
  }
  judge(file, program);
  return program;
}

bool is_joined(const std::string& name) {
  return name == "LD_PRELOAD" || name == "OPENCL_LAYERS" || name == "ASAN_OPTIONS";
}

std::vector<std::string> merge_environment(const std::vector<std::string>& base,
                                           const Variables& grant, bool takes_preload) {
  Variables left = grant;
  if (!takes_preload) left.erase("LD_PRELOAD");
  std::vector<std::string> merged;
  for (const std::string& entry : base) {
    const auto equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    const auto ours = left.find(name);
    if (ours == left.end()) {
      merged.push_back(entry);
      continue;
    }
    const std::string old = equals == std::string::npos ? "" : entry.substr(equals + 1);
    const bool join = is_joined(name) && !old.empty() && old != ours->second;
    merged.push_back(name + "=" + ours->second + (join ? ":" + old : ""));
    left.erase(ours);
  }
  for (const auto& [name, value] : left) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

}  // namespace melon::cli
