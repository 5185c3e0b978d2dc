// SPDX-License-Identifier: Apache-2.0
// Reads the pages of a device's other tenants and writes the own one.

#include "shim/core/rivals.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shim/abi/files.h"
#include "shim/abi/publish.h"

namespace melon::shim {
namespace {

using Nanoseconds = std::uint64_t;

constexpr Nanoseconds kPollInterval = 250'000;
/// No honest page promises more; a longer one is garbage and counts as "no".
constexpr Nanoseconds kLongestClaim = 2'000'000'000;
/// How far ahead of all others a virtual time can honestly be.
constexpr std::uint64_t kFarthestAhead = 1'000'000'000;
/// No device has worked for so long (146 years): a page that says more is garbage.
constexpr std::uint64_t kMostVirtualTime = std::uint64_t{1} << 62;
/// For how long a claim is believed without any use of the device behind it.
constexpr Nanoseconds kPatience = 1'000'000'000;
/// Who waits tries every millisecond; on a loaded machine it wakes late.
constexpr Nanoseconds kLongestTry = 10'000'000;
/// Using a guarantee takes longer than the guarantee: programs pause between their launches, and
/// others are on the device too.
constexpr unsigned kSlowness = 3;

bool holds(Nanoseconds until, Nanoseconds now) { return until > now; }

Nanoseconds believable(Nanoseconds until, Nanoseconds now) {
  return until > now + kLongestClaim ? 0 : until;
}

/// Opened anew each time: a descriptor that is kept could become a file of the program.
bool read_page_of(const char* folder, const char* grant, abi::ArenaView& page) {
  char path[kPathBytes];
  if (!join_path(path, folder, grant)) return false;
  const int saved = errno;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);  // NOLINT: varargs
  const bool whole = fd >= 0 && abi::read_arena_page(fd, page);
  if (fd >= 0) ::close(fd);
  errno = saved;
  return whole;
}

void replace(std::atomic<std::uint64_t>& word, std::uint64_t& said, std::uint64_t next) {
  std::uint64_t expected = said;
  if (next < said && word.compare_exchange_strong(expected, next)) said = next;
}

void say(std::atomic<std::uint64_t>& word, std::uint64_t& said, std::uint64_t next) {
  if (next == 0) return;
  word.store(next, std::memory_order_relaxed);
  said = next;
}

}  // namespace

void Rivals::open(const char* arena_folder, const char* grant) {
  char path[kPathBytes];
  if (!join_path(path, arena_folder, "index")) return;
  std::memcpy(folder_, arena_folder, std::strlen(arena_folder) + 1);  // no longer than `path`
  std::strncpy(grant_, grant, sizeof(grant_) - 1);
  abi::Region region;
  if (abi::open_region(path, sizeof(abi::ArenaIndexFile), abi::Access::kRead, region) != 0) return;
  ::close(region.fd);
  const auto* const index = static_cast<const abi::ArenaIndexFile*>(region.address);
  if (!abi::is_usable(*index, region.bytes)) return;
  index_ = index;
  seen_.store(~std::uint64_t{0}, std::memory_order_relaxed);
  if (!join_path(path, arena_folder, grant)) return;
  region = {};
  if (abi::open_region(path, sizeof(abi::ArenaPage), abi::Access::kReadWrite, region) != 0) return;
  ::close(region.fd);
  auto* const page = static_cast<abi::ArenaPage*>(region.address);
  // The tenant is the only writer of its page, so what an older version left is simply renewed.
  page->magic = abi::kArenaMagic;
  page->version = abi::kVersion;
  page->bytes = sizeof(abi::ArenaPage);
  page_ = page;
}

void Rivals::refresh() {
  if (!moved()) return;
  std::uint64_t generation = abi::current_generation(*index_);
  const bool whole = abi::read_published(*index_, copy_, &generation);
  seen_.store(generation, std::memory_order_relaxed);
  if (!whole) return;  // the old rights stay in force until the next value
  count_ = 0;
  polled_at_ = 0;
  const unsigned listed = std::min(copy_.count, abi::kMaxTenants);
  for (unsigned i = 0; i < listed; ++i) {
    abi::ArenaTenant& tenant = copy_.tenants[i];
    tenant.grant[abi::kIdBytes - 1] = 0;
    const bool named = tenant.grant[0] != 0 && std::strchr(tenant.grant, '/') == nullptr;
    if (!named || std::strcmp(tenant.grant, grant_) == 0) continue;
    rivals_[count_] = Rival{};
    rivals_[count_++].right = tenant;
  }
}

bool Rivals::any_above(abi::Priority priority) const {
  for (unsigned i = 0; i < count_; ++i)
    if (rivals_[i].right.priority > priority) return true;
  return false;
}

/// A page costs some 2 us to read, so with many rivals it is done less often.
Nanoseconds Rivals::interval() const { return kPollInterval * (1 + count_ / 8); }

void Rivals::poll(Nanoseconds now) {
  if (polled_at_ != 0 && now < polled_at_ + interval()) return;
  polled_at_ = now;
  for (unsigned i = 0; i < count_; ++i) read_page(rivals_[i], now);
}

void Rivals::read_page(Rival& rival, Nanoseconds now) {
  rival.entitled_until = rival.wants_until = rival.busy_until = 0;
  abi::ArenaView page;
  if (!read_page_of(folder_, rival.right.grant, page)) return;
  if (page.virtual_time > kMostVirtualTime) return;
  rival.virtual_time = page.virtual_time;
  rival.entitled_until = believable(page.entitled_until, now);
  rival.wants_until = believable(page.wants_until, now);
  rival.busy_until = believable(page.busy_until, now);
}

bool Rivals::busy_above(abi::Priority priority, Nanoseconds now) const {
  for (unsigned i = 0; i < count_; ++i)
    if (rivals_[i].right.priority > priority && holds(rivals_[i].busy_until, now)) return true;
  return false;
}

Nanoseconds Rivals::Wait::step(Nanoseconds now) {
  const Nanoseconds since = tried_at == 0 || now <= tried_at ? 0 : now - tried_at;
  tried_at = now;
  return std::min(since, kLongestTry);
}

bool Rivals::entitled_hold(abi::Priority priority, Nanoseconds now) {
  bool claimed = false;
  Nanoseconds guaranteed = 0;  // permille
  for (unsigned i = 0; i < count_; ++i) {
    const Rival& rival = rivals_[i];
    if (rival.right.share == abi::Share::kWeighted || rival.right.priority < priority) continue;
    claimed = claimed || holds(rival.entitled_until, now);
    guaranteed += rival.right.guarantee_permille;
  }
  const Nanoseconds since = std::min(now - std::min(now, entitled_seen_at_), kLongestClaim);
  entitled_seen_at_ = now;
  const Nanoseconds allowed = since * std::min<Nanoseconds>(guaranteed * kSlowness, 1000) / 1000;
  entitled_held_ -= std::min(entitled_held_, allowed);
  if (!claimed) {
    for_entitled_.tried_at = 0;
    return false;
  }
  entitled_held_ = std::min(entitled_held_ + for_entitled_.step(now), kPatience + kLongestTry);
  return entitled_held_ <= kPatience;
}

bool Rivals::competes(const Rival& rival, abi::Priority priority, Nanoseconds now) {
  return rival.right.share != abi::Share::kHard && rival.right.priority == priority &&
         holds(rival.wants_until, now);
}

/// What a rival caught up counts once, and not below what it could honestly be behind: else a page
/// that says "nothing yet" could crawl for ever.
void Rivals::pay_back(Rival& rival, std::uint64_t floor) const {
  const std::uint64_t from = std::max(rival.caught_up_to, floor);
  if (rival.virtual_time <= from) return;
  const std::uint64_t gained = std::min(rival.virtual_time - from, kFarthestAhead);
  const Nanoseconds earned = gained * rival.right.weight / 100 * kSlowness * (count_ + 1);
  rival.held -= std::min(rival.held, earned);
  rival.caught_up_to = rival.virtual_time;
}

Nanoseconds Rivals::behind(abi::Priority priority, Nanoseconds now, std::uint64_t virtual_time) {
  const Nanoseconds waited = for_behind_.step(now);
  const std::uint64_t floor = virtual_time - std::min(virtual_time, kFarthestAhead);
  Nanoseconds sum = 0;
  for (unsigned i = 0; i < count_; ++i) {
    Rival& rival = rivals_[i];
    pay_back(rival, floor);
    if (!competes(rival, priority, now) || rival.virtual_time >= virtual_time) continue;
    rival.held = std::min(rival.held + waited, kPatience + kLongestTry);
    if (rival.held > kPatience) continue;
    const std::uint64_t missing = std::min(virtual_time - rival.virtual_time, kFarthestAhead);
    sum += std::max<Nanoseconds>(missing * rival.right.weight / 100, 1);
  }
  if (sum == 0) for_behind_.tried_at = 0;
  return sum;
}

bool Rivals::least_virtual_time(abi::Priority priority, Nanoseconds now,
                                std::uint64_t& least) const {
  bool found = false;
  for (unsigned i = 0; i < count_; ++i) {
    const Rival& rival = rivals_[i];
    if (!competes(rival, priority, now)) continue;
    least = found ? std::min(least, rival.virtual_time) : rival.virtual_time;
    found = true;
  }
  return found;
}

void Rivals::join(abi::Priority priority, Nanoseconds now) {
  if (page_ == nullptr || holds(page_->wants_until.load(std::memory_order_relaxed), now)) return;
  std::uint64_t own = page_->virtual_time.load(std::memory_order_relaxed);
  std::uint64_t start = 0;
  if (least_virtual_time(priority, now, start)) {
    start = std::max(start, std::min(own, start + kFarthestAhead));
  } else {
    start = own;
    for (unsigned i = 0; i < count_; ++i) start = std::max(start, rivals_[i].virtual_time);
  }
  page_->virtual_time.compare_exchange_strong(own, start);
}

std::uint64_t Rivals::virtual_time() const {
  return page_ == nullptr ? 0 : page_->virtual_time.load(std::memory_order_relaxed);
}

void Rivals::charge(std::int64_t virtual_ns) {
  if (page_ != nullptr)
    page_->virtual_time.fetch_add(static_cast<std::uint64_t>(virtual_ns),
                                  std::memory_order_relaxed);
}

void Rivals::publish(Nanoseconds entitled_until, Nanoseconds wants_until, Nanoseconds busy_until) {
  if (page_ == nullptr) return;
  say(page_->entitled_until, said_entitled_, entitled_until);
  say(page_->wants_until, said_wants_, wants_until);
  say(page_->busy_until, said_busy_, busy_until);
}

void Rivals::shorten(Nanoseconds entitled_until, Nanoseconds wants_until, Nanoseconds busy_until) {
  if (page_ == nullptr) return;
  replace(page_->entitled_until, said_entitled_, entitled_until);
  replace(page_->wants_until, said_wants_, wants_until);
  replace(page_->busy_until, said_busy_, busy_until);
}

void Rivals::raise_flag(std::uint64_t bits) {
  if (page_ != nullptr) page_->flags.fetch_or(bits, std::memory_order_relaxed);
}

}  // namespace melon::shim
