// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/device.h"
#include "core/grant.h"
#include "placement/machine.h"
#include "placement/queue.h"

namespace melon::agent {

/// What a caller asks for.
struct NewGrant {
  core::Request request = {};
  std::string name = {};    // empty: made up
  std::uint32_t owner = 0;  // Unix user id
  std::vector<std::string> arguments = {};
  bool weight_given = true;                    // false: the request has the default
  bool priority_given = true;                  // likewise
  bool wait = false;                           // queue when it does not fit
  int wait_seconds = 0;                        // give up waiting after this; 0: never
  std::optional<core::ProcessId> waiter = {};  // whose end ends the waiting; empty: nobody's
  int keep_seconds = 0;  // time to live without a process; 0: as the daemon is configured
};

/// What a caller changes of a grant; empty fields stay as they are.
struct GrantChange {
  std::optional<MemoryAmount> memory = {};
  std::optional<Permille> compute = {};
  std::optional<core::ShareMode> share = {};
  std::optional<int> weight = {};
  std::optional<Permille> max_compute = {};
  std::optional<core::Priority> priority = {};
  std::optional<bool> suspended = {};

  bool operator==(const GrantChange&) const = default;
};

/// The grant as it now is, or why it does not fit. The pointer lives until the grant is forgotten.
using Admission = std::variant<const core::Grant*, placement::Refusal>;

/// Every grant of this machine and what it books: the daemon's whole decision state.
///
/// Requests, exits and device changes arrive in any order; bookings must never exceed a device.
///  I1  what is booked on a device is the sum of the slices of grants that hold slices: the
///      placement::Machine holds for each grant just those.
///  I2  a new booking is a decision of the placement engine over the current bookings.
///  I3  names are unique among grants that are not over.
///  I4  a waiting grant is never overtaken by a later one on a device that it could use.
/// States: core/grant.h. Pure: no I/O and no clock; the caller passes `now` and stores what
/// changed. Not thread-safe, not even where it is const.
class GrantBook {
 public:
  explicit GrantBook(placement::Limits limits) : machine_(limits) {}

  void set_devices(std::vector<core::Device> devices) { machine_.set_devices(std::move(devices)); }
  const std::vector<core::Device>& devices() const { return machine_.devices(); }
  /// By id or alias.
  bool knows_device(std::string_view name) const { return machine_.knows_device(name); }
  const core::Device* find_device(std::string_view id) const { return machine_.find_device(id); }

  /// Takes a grant as the store remembers it, or back to what it was before a change.
  void restore(core::Grant grant);
  /// Takes back a grant that could not be stored.
  void forget(const std::string& id);

  /// A name that a new grant may have. Errors: kInvalidArgument, also for what could be an id;
  /// kAlreadyExists for one in use.
  Result<> check_new_name(const std::string& name) const;
  /// Where the request would go now; nothing changes.
  std::variant<placement::Placement, placement::Refusal> plan(const core::Request& request) const;

  /// Reserves, or queues when asked to wait and it can ever fit. Errors: kInvalidArgument,
  /// kAlreadyExists for a name in use.
  Result<Admission> admit(const NewGrant& wanted, const std::string& id, std::int64_t now_unix_ms);

  /// Changes limits on the devices that the grant already holds, or of a waiting request;
  /// suspension not. Nothing grows on a device that a waiting request reserves. Errors:
  /// kInvalidArgument, kFailedPrecondition (over; more of a device held elsewhere).
  Result<Admission> change(const std::string& id, const GrantChange& change);
  /// Errors: kFailedPrecondition unless running or suspended.
  Result<const core::Grant*> change_suspended(const std::string& id, bool suspended);

  /// Reserves for waiting grants, first come first served: a later one is taken only when that
  /// cannot delay an earlier one. Ends those whose wait is up. Returns the ids that changed.
  std::vector<std::string> serve_queue(std::int64_t now_unix_ms);

  /// The first process makes a reserved grant running. Errors: kFailedPrecondition when the grant
  /// holds no slices.
  Result<const core::Grant*> add_process(const std::string& id, core::ProcessId process);
  /// When it was created, on the scale of one boot.
  void set_created(const std::string& id, const std::string& boot_id, std::int64_t boot_ms);
  /// A reserved grant whose ledger shows a process runs, although nobody registered it.
  void mark_running(const std::string& id);
  /// True when the grant changed: the first one stays named, so that its end can be told late and a
  /// restarted daemon knows whom it lost.
  bool remove_process(const std::string& id, core::ProcessId process);
  /// Remembers how the program ended; the grant is over only when end() is called.
  void set_exit_code(const std::string& id, int exit_code);
  /// Ends a grant and frees what it booked.
  void end(const std::string& id, core::State state, std::string reason, std::int64_t now_unix_ms);

  /// Waiting grants that somebody must go on waiting for, oldest first.
  std::vector<const core::Grant*> waited_for() const;

  /// By id, or by name: a grant that is not over before the latest that is.
  const core::Grant* find(std::string_view name_or_id) const;
  const core::Grant* at(const std::string& id) const;
  /// All of them, oldest first.
  std::vector<const core::Grant*> grants() const;
  /// Every device with what is booked on it.
  std::vector<placement::DeviceState> device_states() const { return machine_.states(); }
  /// Why a grant that holds slices is where it is, as devices are now.
  std::string choice_of(const core::Grant& grant) const;
  /// Why a waiting grant still waits.
  std::optional<placement::Refusal> refusal_of(const core::Grant& grant) const;

  /// Drops finished grants, those that ended first: each owner's beyond `each`, and beyond `all`
  /// those of the owners with the most. Returns their ids.
  std::vector<std::string> forget_finished(std::size_t each, std::size_t all);

 private:
  core::Grant* mutable_at(const std::string& id);
  void book(const core::Grant& grant);
  Result<Admission> change_waiting(core::Grant& grant, core::Request request);
  std::string free_name(const std::string& id) const;
  /// The requests that wait, in order, up to `until` (all, when it is empty).
  std::vector<placement::Waiter> waiting(std::string_view until = {}) const;
  std::vector<std::string> end_expired(std::int64_t now_unix_ms);

  placement::Machine machine_;                                  // who holds what of which device
  std::map<std::string, core::Grant, std::less<>> grants_;      // by id
  std::map<std::string, std::string, std::less<>> live_names_;  // name -> id
  std::vector<std::string> queue_;                              // ids, first come first
  std::int64_t last_end_ = 0;                                   // Grant::end_number
};

}  // namespace melon::agent
