// SPDX-License-Identifier: Apache-2.0
// The daemon's decision state: who holds, who waits, who is over.
#include "agent/grant_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "base/id.h"
#include "core/names.h"
#include "placement/choice.h"

namespace melon::agent {
namespace {

using core::Grant;
using core::State;

constexpr std::int64_t kMsPerSecond = 1000;

bool is_older(const Grant* a, const Grant* b) {
  return std::tie(a->created_unix_ms, a->id) < std::tie(b->created_unix_ms, b->id);
}

core::Request changed(core::Request request, const GrantChange& change) {
  if (change.memory) request.memory = change.memory;
  if (change.compute) request.compute = change.compute;
  if (change.share) {
    request.share = change.share;
    // What the new mode has no use for would contradict it.
    if (*change.share == core::ShareMode::kWeighted && !change.compute) request.compute.reset();
    if (*change.share != core::ShareMode::kBurst && !change.max_compute)
      request.max_compute.reset();
  } else if (change.compute && request.share == core::ShareMode::kWeighted) {
    request.share.reset();  // naming an amount of compute asks for a booked one
  }
  if (change.weight) request.weight = *change.weight;
  if (change.max_compute) request.max_compute = change.max_compute;
  if (change.priority) request.priority = *change.priority;
  return request;
}

/// What another daemon has given of a device that it holds, this one cannot know.
Result<> check_growth(const GrantBook& book, const Grant& grant,
                      const placement::Placement& placed) {
  for (const core::Slice& slice : grant.slices) {
    const core::Device* const device = book.find_device(slice.device);
    const auto now = std::ranges::find(placed, slice.device, &core::Slice::device);
    if (device == nullptr || device->health != core::Health::kHeld || now == placed.end()) continue;
    if (now->memory > slice.memory || now->compute > slice.compute || now->ceiling > slice.ceiling)
      return fail(Code::kFailedPrecondition,
                  fmt::format("'{}' cannot have more of {}: {}", grant.name, device->id,
                              device->health_reason),
                  "end one of the two daemons' use of it: melon doctor");
  }
  return {};
}

}  // namespace

/// What the machine holds for the grant becomes what the grant holds.
void GrantBook::book(const Grant& grant) {
  if (core::holds_slices(grant.state))
    machine_.hold(grant.id, grant.slices);
  else
    machine_.release(grant.id);
}

void GrantBook::restore(Grant grant) {
  if (!core::is_over(grant.state)) live_names_[grant.name] = grant.id;
  last_end_ = std::max(last_end_, grant.end_number);
  const bool waits = grant.state == State::kQueued;
  const std::string id = grant.id;
  book(grants_[id] = std::move(grant));
  std::erase(queue_, id);
  if (!waits) return;
  queue_.push_back(id);
  std::ranges::sort(queue_, [this](const std::string& a, const std::string& b) {
    return is_older(at(a), at(b));
  });
}

std::variant<placement::Placement, placement::Refusal> GrantBook::plan(
    const core::Request& request) const {
  return placement::place_behind(machine_, waiting(), request);
}

std::vector<placement::Waiter> GrantBook::waiting(std::string_view until) const {
  std::vector<placement::Waiter> waiting;
  for (const std::string& id : queue_) {
    if (id == until) break;
    waiting.push_back({id, at(id)->request});
  }
  return waiting;
}

std::string GrantBook::choice_of(const Grant& grant) const {
  return placement::explain_choice(machine_, grant);
}

std::optional<placement::Refusal> GrantBook::refusal_of(const Grant& grant) const {
  if (grant.state != State::kQueued) return std::nullopt;
  auto answer = placement::place_behind(machine_, waiting(grant.id), grant.request);
  if (auto* const refusal = std::get_if<placement::Refusal>(&answer)) return std::move(*refusal);
  return std::nullopt;
}

std::string GrantBook::free_name(const std::string& id) const {
  // The id's own letters make a name that is a DNS label and as unique as the id.
  return fmt::format("w-{}", id.substr(id.find('-') + 1, 6));
}

Result<> GrantBook::check_new_name(const std::string& name) const {
  MELON_RETURN_IF_ERROR(core::check_name(name));
  // Commands take either: a grant with another's id for a name could not be named.
  if (is_grant_id(name))
    return fail(Code::kInvalidArgument,
                fmt::format("name '{}': it has the shape of a grant's id", name),
                fmt::format("choose another name, such as {}-1", name));
  if (live_names_.contains(name))
    return fail(Code::kAlreadyExists, fmt::format("a grant named '{}' exists", name),
                "choose another name, or stop that one first: melon stop " + name);
  return {};
}

Result<Admission> GrantBook::admit(const NewGrant& wanted, const std::string& id,
                                   std::int64_t now_unix_ms) {
  MELON_RETURN_IF_ERROR(core::check_request(wanted.request));
  const std::string name = wanted.name.empty() ? free_name(id) : wanted.name;
  MELON_RETURN_IF_ERROR(check_new_name(name));

  auto answer = plan(wanted.request);
  auto* const refusal = std::get_if<placement::Refusal>(&answer);
  if (refusal != nullptr && !(wanted.wait && refusal->can_ever_fit))
    return Admission(std::move(*refusal));

  Grant grant{.id = id,
              .name = name,
              .owner = wanted.owner,
              .request = wanted.request,
              .arguments = wanted.arguments,
              .created_unix_ms = now_unix_ms,
              .keep_seconds = wanted.keep_seconds};
  if (refusal == nullptr) {
    grant.state = State::kReserved;
    grant.slices = std::get<placement::Placement>(std::move(answer));
    book(grant);
  } else {
    grant.state = State::kQueued;
    grant.reason = "waits for room";
    grant.waiter = wanted.waiter;
    if (wanted.wait_seconds > 0)
      grant.wait_until_unix_ms = now_unix_ms + wanted.wait_seconds * kMsPerSecond;
    queue_.push_back(id);
  }
  live_names_[name] = id;
  return Admission(&(grants_[id] = std::move(grant)));
}

Result<Admission> GrantBook::change_waiting(Grant& grant, core::Request request) {
  auto answer = placement::place_behind(machine_, waiting(grant.id), request);
  auto* const refusal = std::get_if<placement::Refusal>(&answer);
  if (refusal != nullptr && !refusal->can_ever_fit) return Admission(std::move(*refusal));
  grant.request = std::move(request);
  return Admission(&grant);
}

Result<Admission> GrantBook::change(const std::string& id, const GrantChange& change) {
  Grant& grant = *mutable_at(id);
  if (core::is_over(grant.state))
    return fail(Code::kFailedPrecondition, fmt::format("grant '{}' is over", grant.name),
                "start a new one: melon run");
  core::Request request = changed(grant.request, change);
  MELON_RETURN_IF_ERROR(core::check_request(request));
  if (grant.state == State::kQueued) return change_waiting(grant, std::move(request));

  auto answer = placement::place_again_behind(machine_, waiting(), grant, request);
  if (auto* const refusal = std::get_if<placement::Refusal>(&answer))
    return Admission(std::move(*refusal));
  auto& placed = std::get<placement::Placement>(answer);
  MELON_RETURN_IF_ERROR(check_growth(*this, grant, placed));
  for (core::Slice& slice : grant.slices) {  // the order of slices is their number in the ledger
    const auto now = std::ranges::find(placed, slice.device, &core::Slice::device);
    if (now != placed.end()) slice = *now;
  }
  book(grant);
  grant.request = std::move(request);
  return Admission(&grant);
}

Result<const Grant*> GrantBook::change_suspended(const std::string& id, bool suspended) {
  Grant& grant = *mutable_at(id);
  if (grant.state != State::kRunning && grant.state != State::kSuspended)
    return fail(Code::kFailedPrecondition,
                fmt::format("grant '{}' is {}; only a running one can be suspended or resumed",
                            grant.name, core::to_text(grant.state)),
                "see its state: melon ps -a");
  grant.state = suspended ? State::kSuspended : State::kRunning;
  return &grant;
}

std::vector<const Grant*> GrantBook::waited_for() const {
  std::vector<const Grant*> found;
  for (const std::string& id : queue_)
    if (at(id)->waiter) found.push_back(at(id));
  return found;
}

std::vector<std::string> GrantBook::end_expired(std::int64_t now_unix_ms) {
  std::vector<std::string> expired;
  for (const std::string& id : queue_) {
    const Grant& grant = *at(id);
    if (grant.wait_until_unix_ms != 0 && grant.wait_until_unix_ms <= now_unix_ms)
      expired.push_back(id);
  }
  for (const std::string& id : expired)
    end(id, State::kFailed, "no room became free while it waited", now_unix_ms);
  return expired;
}

std::vector<std::string> GrantBook::serve_queue(std::int64_t now_unix_ms) {
  if (queue_.empty()) return {};
  std::vector<std::string> served = end_expired(now_unix_ms);
  const std::vector<std::string> order = queue_;
  for (placement::Start& start : placement::start_waiting(machine_, waiting())) {
    Grant& grant = *mutable_at(order[start.waiter]);
    grant.slices = std::move(start.placement);
    grant.state = State::kReserved;
    grant.reason.clear();
    std::erase(queue_, grant.id);
    served.push_back(grant.id);
  }
  return served;
}

Result<const Grant*> GrantBook::add_process(const std::string& id, core::ProcessId process) {
  Grant& grant = *mutable_at(id);
  if (!core::holds_slices(grant.state))
    return fail(
        Code::kFailedPrecondition,
        fmt::format("grant '{}' is {} and holds no slices", grant.name, core::to_text(grant.state)),
        "wait until it is reserved, or start a new one");
  if (std::ranges::find(grant.processes, process) == grant.processes.end())
    grant.processes.push_back(process);
  if (grant.state == State::kReserved) grant.state = State::kRunning;
  return &grant;
}

void GrantBook::set_created(const std::string& id, const std::string& boot_id,
                            std::int64_t boot_ms) {
  mutable_at(id)->boot_id = boot_id;
  mutable_at(id)->created_boot_ms = boot_ms;
}

void GrantBook::mark_running(const std::string& id) {
  Grant& grant = *mutable_at(id);
  if (grant.state == State::kReserved) grant.state = State::kRunning;
}

bool GrantBook::remove_process(const std::string& id, core::ProcessId process) {
  std::vector<core::ProcessId>& processes = mutable_at(id)->processes;
  return !processes.empty() && processes.front() != process && std::erase(processes, process) > 0;
}

void GrantBook::set_exit_code(const std::string& id, int exit_code) {
  mutable_at(id)->exit_code = exit_code;
}

void GrantBook::end(const std::string& id, State state, std::string reason,
                    std::int64_t now_unix_ms) {
  Grant& grant = *mutable_at(id);
  if (core::is_over(grant.state)) return;
  grant.state = state;
  grant.reason = std::move(reason);
  grant.ended_unix_ms = now_unix_ms;
  grant.end_number = ++last_end_;
  live_names_.erase(grant.name);
  std::erase(queue_, id);
  book(grant);
}

const Grant* GrantBook::at(const std::string& id) const {
  const auto found = grants_.find(id);
  return found == grants_.end() ? nullptr : &found->second;
}

Grant* GrantBook::mutable_at(const std::string& id) { return &grants_.find(id)->second; }

const Grant* GrantBook::find(std::string_view name_or_id) const {
  if (const auto by_id = grants_.find(name_or_id); by_id != grants_.end()) return &by_id->second;
  if (const auto live = live_names_.find(name_or_id); live != live_names_.end())
    return at(live->second);
  const Grant* latest = nullptr;
  for (const auto& [id, grant] : grants_)
    if (grant.name == name_or_id && (latest == nullptr || is_older(latest, &grant)))
      latest = &grant;
  return latest;
}

std::vector<const Grant*> GrantBook::grants() const {
  std::vector<const Grant*> all;
  all.reserve(grants_.size());
  for (const auto& [id, grant] : grants_) all.push_back(&grant);
  std::ranges::sort(all, is_older);
  return all;
}

void GrantBook::forget(const std::string& id) {
  const auto found = grants_.find(id);
  if (found == grants_.end()) return;
  if (!core::is_over(found->second.state)) live_names_.erase(found->second.name);
  std::erase(queue_, id);
  machine_.release(id);
  grants_.erase(found);
}

std::vector<std::string> GrantBook::forget_finished(std::size_t each, std::size_t all) {
  std::map<std::uint32_t, std::vector<const Grant*>> over;  // by owner
  for (const auto& [id, grant] : grants_)
    if (core::is_over(grant.state)) over[grant.owner].push_back(&grant);
  // Not by the wall clock: set back, it would make the latest end look like the oldest.
  const auto end_of = [](const Grant* grant) {
    return std::tie(grant->end_number, grant->ended_unix_ms);
  };
  // Every owner's latest first, then every owner's last but one: whoever ends many loses his own.
  std::vector<std::pair<std::size_t, const Grant*>> ranked;
  for (auto& [owner, grants] : over) {
    std::ranges::sort(grants, std::greater{}, end_of);
    for (std::size_t rank = 0; rank < grants.size(); ++rank)
      ranked.emplace_back(rank, grants[rank]);
  }
  std::ranges::sort(ranked, [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : end_of(a.second) > end_of(b.second);
  });
  std::vector<std::string> forgotten;
  for (std::size_t i = 0; i < ranked.size(); ++i)
    if (ranked[i].first >= each || i >= all) forgotten.push_back(ranked[i].second->id);
  for (const std::string& id : forgotten) grants_.erase(id);
  return forgotten;
}

}  // namespace melon::agent
