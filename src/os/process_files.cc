// SPDX-License-Identifier: Apache-2.0
// Reads what the kernel tells of processes in /proc.
#include "os/process_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "os/descriptor.h"

namespace melon::os {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

/// The n-th space separated word, counted from 0.
std::string_view word(std::string_view text, int n) {
  for (; n > 0; --n) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return {};
    text.remove_prefix(space + 1);
  }
  return text.substr(0, text.find(' '));
}

}  // namespace

std::optional<std::string> read_file(const std::string& path, std::size_t at_most) {
  // Others may have put a pipe, a link or a file with a lease there: neither is waited for.
  const Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode))
    return std::nullopt;
  std::string content;
  std::size_t filled = 0;
  while (filled < at_most) {
    content.resize(std::min(at_most, std::max<std::size_t>(4096, filled * 2)));
    const auto got = ::read(file.number(), content.data() + filled, content.size() - filled);
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  content.resize(filled);
  return content;
}

std::vector<int> process_ids() {
  std::vector<int> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), ::closedir);
  if (!folder) return pids;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT: this stream is ours alone
    const std::string_view name(entry->d_name);
    if (name.front() < '1' || name.front() > '9') continue;
    if (const auto pid = parse_number(name)) pids.push_back(static_cast<int>(*pid));
  }
  return pids;
}

std::optional<ProcessStat> process_stat(int pid) {
  const auto text = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!text) return std::nullopt;
  const auto open = text->find('(');
  const auto close = text->rfind(')');  // the name itself may hold ')'
  if (open == std::string::npos || close == std::string::npos || close + 2 > text->size())
    return std::nullopt;
  const std::string_view rest = std::string_view(*text).substr(close + 2);  // field 3 on
  const auto start = parse_number(word(rest, 22 - 3));
  if (rest.empty() || !start) return std::nullopt;
  return ProcessStat{.name = text->substr(open + 1, close - open - 1),
                     .state = rest.front(),
                     .parent = static_cast<int>(parse_number(word(rest, 4 - 3)).value_or(0)),
                     .start_ticks = *start,
                     .cpu_ticks = parse_number(word(rest, 14 - 3)).value_or(0) +
                                  parse_number(word(rest, 15 - 3)).value_or(0),
                     .memory_bytes = parse_number(word(rest, 23 - 3)).value_or(0)};
}

std::optional<std::uint32_t> process_user(int pid) {
  const auto text = read_file(fmt::format("/proc/{}/status", pid), 4096);
  if (!text) return std::nullopt;
  const auto line = text->find("\nUid:\t");
  if (line == std::string::npos) return std::nullopt;
  const auto uid = parse_number(std::string_view(*text).substr(line + 6));
  if (!uid) return std::nullopt;
  return static_cast<std::uint32_t>(*uid);
}

std::optional<std::uint64_t> resident_bytes(int pid) {
  const auto text = read_file(fmt::format("/proc/{}/statm", pid), 4096);  // counts of pages
  if (!text) return std::nullopt;
  const auto resident = parse_number(word(*text, 1));
  const auto of_files = parse_number(word(*text, 2));
  if (!resident || !of_files) return std::nullopt;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return (*resident - std::min(*resident, *of_files)) * page;  // not counted at one instant
}

std::uint64_t pid_namespace(int pid) {
  char link[64];
  const auto got = ::readlink(fmt::format("/proc/{}/ns/pid", pid).c_str(), link, sizeof link);
  std::string_view text(link, got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto open = text.find('[');  // pid:[4026531836]
  return open == std::string_view::npos ? 0 : parse_number(text.substr(open + 1)).value_or(0);
}

std::vector<NamespacedProcess> processes_of_other_namespaces() {
  constexpr std::string_view kField = "NSpid:";
  const std::uint64_t own = pid_namespace(::getpid());
  std::vector<NamespacedProcess> found;
  for (const int pid : process_ids()) {
    const std::uint64_t its = pid_namespace(pid);
    if (its == 0 || its == own) continue;
    const std::string status = read_file(fmt::format("/proc/{}/status", pid), 4096).value_or("");
    const auto at = status.find(kField);
    if (at == std::string::npos) continue;
    const auto line = std::string_view(status).substr(at, status.find('\n', at) - at);
    if (const auto inner =
            parse_number(line.substr(line.rfind('\t') + 1)))  // the innermost is last
      found.push_back({.pid = pid, .inner_pid = static_cast<int>(*inner), .pid_namespace = its});
  }
  return found;
}

std::string process_command(int pid) {
  auto text = read_file(fmt::format("/proc/{}/cmdline", pid), 4096).value_or("");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (!text.empty()) return text;
  const auto stat = process_stat(pid);
  return stat ? "[" + stat->name + "]" : std::string();
}

}  // namespace melon::os
