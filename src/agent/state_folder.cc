// SPDX-License-Identifier: Apache-2.0
// Makes, rewrites and removes the files that the daemon shares with its tenants.
#include "agent/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "shim/abi/files.h"
#include "shim/abi/publish.h"
#include "shim/abi/region.h"

namespace melon::agent {
namespace {

namespace fs = std::filesystem;
using core::Grant;

constexpr mode_t kSharedFolder = 0755;
constexpr mode_t kPrivateFolder = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr mode_t kWritableFile = 0644;
constexpr mode_t kReadOnlyFile = 0444;

Result<> system_failure(const char* action, const fs::path& path) {
  const int cause = errno;
  const Code code = cause == EACCES || cause == EPERM || cause == EROFS ? Code::kPermissionDenied
                                                                        : Code::kUnavailable;
  const char* remedy = cause == ENOSPC || cause == EDQUOT
                           ? "free space on that file system, or choose another folder: --state DIR"
                           : "make the folder writable for the daemon's user, or choose another: "
                             "--state DIR";
  return fail(code, fmt::format("cannot {} '{}': {}", action, path.string(), std::strerror(cause)),
              remedy);
}

Result<> make_folder(const fs::path& path, mode_t mode, std::optional<uid_t> owner = {}) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return system_failure("make folder", path);
  const os::Descriptor folder(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return system_failure("open folder", path);
  if (owner && ::fchown(folder.number(), *owner, static_cast<gid_t>(-1)) != 0)
    return system_failure("give away folder", path);
  // Explicitly, because the daemon's umask is nobody's business here.
  if (::fchmod(folder.number(), mode) != 0) return system_failure("set permissions of", path);
  return {};
}

/// What a function of shim/abi/files.h answered.
Result<> made(int error, const fs::path& path) {
  if (error == 0) return {};
  errno = error;
  return system_failure("make", path);
}

template <std::size_t kBytes>
void copy_text(char (&out)[kBytes], const std::string& text) {
  const std::size_t length = std::min(text.size(), kBytes - 1);
  std::memcpy(out, text.data(), length);
  std::memset(out + length, 0, kBytes - length);
}

abi::Share to_abi(core::ShareMode mode) {
  switch (mode) {
    case core::ShareMode::kHard:
      return abi::Share::kHard;
    case core::ShareMode::kWeighted:
      return abi::Share::kWeighted;
    case core::ShareMode::kBurst:
      return abi::Share::kBurst;
  }
  return abi::Share::kHard;
}

abi::Priority to_abi(core::Priority priority) {
  switch (priority) {
    case core::Priority::kLow:
      return abi::Priority::kLow;
    case core::Priority::kNormal:
      return abi::Priority::kNormal;
    case core::Priority::kHigh:
      return abi::Priority::kHigh;
  }
  return abi::Priority::kNormal;
}

/// The folder below arena/: a number made of the device's key, so that it is the same after every
/// restart without being written down (FNV-1a).
std::string arena_number(const core::Device& device) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char letter : device.key) {
    hash ^= static_cast<unsigned char>(letter);
    hash *= 1099511628211ULL;
  }
  return fmt::format("{}", hash);
}

const core::Device* find_device(std::span<const core::Device> devices, const std::string& id) {
  const auto found = std::ranges::find(devices, id, &core::Device::id);
  return found == devices.end() ? nullptr : &*found;
}

abi::DevicePolicy to_policy(const core::Slice& slice, const core::Request& request,
                            const core::Device& device) {
  constexpr std::uint64_t kGranulesPerMiB = (1U << 20) / abi::kGranule;
  abi::DevicePolicy policy{};
  copy_text(policy.key, device.key);
  copy_text(policy.arena, arena_number(device));
  policy.memory_granules = static_cast<std::uint64_t>(slice.memory.count()) * kGranulesPerMiB;
  policy.guarantee_permille = static_cast<std::uint32_t>(slice.compute.count());
  policy.ceiling_permille = static_cast<std::uint32_t>(slice.ceiling.count());
  policy.weight = static_cast<std::uint32_t>(request.weight);
  policy.share = to_abi(request.share_mode());
  policy.priority = to_abi(request.priority);
  return policy;
}

abi::Policy to_policy(const Grant& grant, std::span<const core::Device> devices) {
  abi::Policy policy{};
  copy_text(policy.grant, grant.id);
  policy.suspended = grant.state == core::State::kSuspended ? 1 : 0;
  for (const core::Slice& slice : grant.slices) {
    if (policy.device_count == abi::kMaxDevices) break;
    // A device that has gone keeps its place: slices are numbered by position.
    const core::Device* const device = find_device(devices, slice.device);
    policy.devices[policy.device_count++] =
        to_policy(slice, grant.request, device == nullptr ? core::Device{} : *device);
  }
  return policy;
}

/// The tenant's group is nobody's concern: these files are shared with users, not groups.
abi::FileOwner owner_of(const Grant& grant) {
  return {.uid = grant.owner, .gid = static_cast<std::uint32_t>(-1)};
}

/// Publishes the value in the file that is there. False: there is none of this version.
template <class File, class Value>
bool republish(const fs::path& path, const Value& value) {
  abi::Region region;
  // A user's own daemon may not open its read-only file for writing; root may.
  ::chmod(path.c_str(), kWritableFile);
  const int error = abi::open_region(path.c_str(), sizeof(File), abi::Access::kReadWrite, region);
  ::chmod(path.c_str(), kReadOnlyFile);
  if (error != 0) return false;
  auto& file = *static_cast<File*>(region.address);
  const bool ours = abi::is_usable(file, region.bytes);
  if (ours) abi::publish(file, value);
  abi::close_region(region);
  return ours;
}

/// Writes this process into the lock file, for whoever finds it held.
Result<> name_holder(const os::Descriptor& lock, const fs::path& path) {
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.number(), 0) == 0 &&
      ::pwrite(lock.number(), pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size()))
    return {};
  return system_failure("write", path);
}

/// " (pid 4711)", or nothing where the holder has not said it yet.
std::string holder_of(const os::Descriptor& lock) {
  std::array<char, 16> text{};
  const ssize_t length = ::pread(lock.number(), text.data(), text.size(), 0);
  int pid = 0;
  if (length > 0) std::from_chars(text.data(), text.data() + length, pid);
  return pid > 0 ? fmt::format(" (pid {})", pid) : "";
}

bool is_there(const fs::path& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

Result<StateFolder> StateFolder::open(const fs::path& root) {
  std::error_code error;
  if (root.has_parent_path()) fs::create_directories(root.parent_path(), error);
  MELON_RETURN_IF_ERROR(make_folder(root, kSharedFolder));
  const fs::path lock_path = root / "lock";
  os::Descriptor lock(
      ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kPrivateFile));
  if (!lock) {
    auto failure = system_failure("open", lock_path);
    return tl::unexpected<Error>(failure.error());
  }
  if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0)
    return fail(
        Code::kAlreadyExists,
        fmt::format("another daemon{} uses the state folder '{}'", holder_of(lock), root.string()),
        "stop it (melon down), or choose another folder: --state DIR");
  MELON_RETURN_IF_ERROR(name_holder(lock, lock_path));
  for (const char* const name : {"grants", "arena"})
    MELON_RETURN_IF_ERROR(make_folder(root / name, kSharedFolder));
  MELON_TRY(auto trash, Trash::open(root / "trash"));
  return StateFolder(fs::canonical(root, error), std::move(lock), std::move(trash));
}

fs::path StateFolder::grant_folder(const std::string& grant_id) const {
  return root_ / "grants" / grant_id;
}

fs::path StateFolder::device_folder(const core::Device& device) const {
  return root_ / "arena" / arena_number(device);
}

Result<> StateFolder::write_grant(const Grant& grant, std::span<const core::Device> devices) const {
  const fs::path folder = grant_folder(grant.id);
  MELON_RETURN_IF_ERROR(make_folder(folder, kSharedFolder));
  MELON_RETURN_IF_ERROR(make_folder(folder / "private", kPrivateFolder, grant.owner));
  if (const fs::path ledger = folder / "ledger"; !is_there(ledger))
    MELON_RETURN_IF_ERROR(
        made(abi::create_ledger(ledger.c_str(), grant.id.c_str(), owner_of(grant)), ledger));
  for (const core::Slice& slice : grant.slices) {
    const core::Device* const device = find_device(devices, slice.device);
    if (device == nullptr) continue;
    MELON_RETURN_IF_ERROR(make_folder(device_folder(*device), kSharedFolder));
    const fs::path page = device_folder(*device) / grant.id;
    if (!is_there(page))
      MELON_RETURN_IF_ERROR(made(abi::create_arena_page(page.c_str(), owner_of(grant)), page));
  }
  const fs::path path = folder / "policy";
  const abi::Policy policy = to_policy(grant, devices);
  if (republish<abi::PolicyFile>(path, policy)) return {};
  return made(abi::create_policy(path.c_str(), policy), path);
}

Result<> StateFolder::write_sharers(const core::Device& device,
                                    std::span<const Grant* const> sharers) const {
  const fs::path folder = device_folder(device);
  MELON_RETURN_IF_ERROR(make_folder(folder, kSharedFolder));
  auto index = std::make_unique<abi::ArenaIndex>();
  for (const Grant* const grant : sharers) {
    const auto slice = std::ranges::find(grant->slices, device.id, &core::Slice::device);
    if (slice == grant->slices.end()) continue;
    if (index->count == abi::kMaxTenants)
      return fail(Code::kResourceExhausted,
                  fmt::format("more than {} grants share {}", abi::kMaxTenants, device.id),
                  "end some of them: melon stop NAME");
    abi::ArenaTenant& tenant = index->tenants[index->count++];
    copy_text(tenant.grant, grant->id);
    tenant.weight = static_cast<std::uint32_t>(grant->request.weight);
    tenant.share = to_abi(grant->request.share_mode());
    tenant.priority = to_abi(grant->request.priority);
    tenant.guarantee_permille = static_cast<std::uint32_t>(slice->compute.count());
  }
  const fs::path path = folder / "index";
  if (republish<abi::ArenaIndexFile>(path, *index)) return {};
  return made(abi::create_arena_index(path.c_str(), *index), path);
}

void StateFolder::retire_grant(const std::string& grant_id) const {
  std::error_code ignored;  // what is gone already need not be removed
  fs::remove(grant_folder(grant_id) / "policy", ignored);
  fs::remove(grant_folder(grant_id) / "ledger", ignored);
  for (const auto& device : fs::directory_iterator(root_ / "arena", ignored))
    fs::remove(device.path() / grant_id, ignored);
}

void StateFolder::remove_grant(const std::string& grant_id) const {
  retire_grant(grant_id);
  trash_->put(grant_folder(grant_id));  // refused by a full disk: the next start finds a stranger
}

std::vector<std::string> StateFolder::strangers(std::span<const std::string> known_ids) const {
  std::error_code ignored;
  std::vector<std::string> found;
  for (const auto& folder : fs::directory_iterator(root_ / "grants", ignored)) {
    const std::string id = folder.path().filename().string();
    if (std::ranges::find(known_ids, id) == known_ids.end()) found.push_back(id);
  }
  return found;
}

fs::path StateFolder::ledger_path(const std::string& grant_id) const {
  return grant_folder(grant_id) / "ledger";
}

std::optional<int> StateFolder::read_exit_code(const std::string& grant_id) const {
  // The tenant's own folder: no link is followed, nothing that blocks is opened.
  const fs::path path = grant_folder(grant_id) / "private" / "exit";
  const os::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode))
    return std::nullopt;
  std::array<char, 16> text{};
  const ssize_t length = ::read(file.number(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  int code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + length, code);
  constexpr int kLargestCode = 255;
  if (error != std::errc{} || code < 0 || code > kLargestCode) return std::nullopt;
  return code;
}

std::optional<std::uint64_t> StateFolder::free_bytes() const {
  struct statvfs status {};
  if (::statvfs(root_.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace melon::agent
