// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/answers.h"
#include "agent/caller.h"
#include "agent/claim_watch.h"
#include "agent/descendants.h"
#include "agent/event_log.h"
#include "agent/grant_book.h"
#include "agent/ledger_sample.h"
#include "agent/process_watch.h"
#include "agent/requests.h"
#include "agent/state_folder.h"
#include "base/clock.h"
#include "base/result.h"
#include "config/daemon_config.h"
#include "os/process_files.h"
#include "store/store.h"
#include "vendors/descriptor.h"

namespace melon::agent {

/// What Workloads stands on. Everything outlives it.
struct WorkloadParts {
  const Clock& clock;
  std::function<std::int64_t()> since_boot_ms = {};  // os::since_boot_ms(); a test's own
  std::string boot_id = {};                          // of the machine's run, which that time is of
  const config::DaemonConfig& config;
  const std::vector<vendors::Descriptor>& vendors;
  store::Store& store;
  const StateFolder& folder;
  EventLog& events;
  GrantFeed& feed;
  ProcessWatch& watch;
};

/// Metrics of so many processes of a grant are shown, those with the lowest slots: labels stay few
/// whatever a tenant does.
inline constexpr std::size_t kMostProcessesShown = 32;

/// Grants that are over are kept with their logs, the latest of each owner and of all together.
inline constexpr std::size_t kKeptOfEachOwner = 100;
inline constexpr std::size_t kKeptFinished = 1000;

/// The grants of this machine in action: the book's decisions, made durable, made visible to
/// tenants as files, and followed through the life of their processes.
///
///  W1  what the book says is in the store before anybody is told; a change that cannot be stored
///      is taken back (a new or changed grant) or stored later (an end that has happened anyway).
///  W2  a policy file says what the book says, from before a grant is told to its caller until its
///      processes are gone.
///  W3  a process is signalled only by (pid, start time), and only if it was registered, or if it
///      is of the owner or of who runs a registered one: a ledger and an environment say anything.
///  W4  a grant leaves the book only in tick(), and there its owner's longest ended first: a
///      reference to one that a call was given, or answered, is good until the next tick.
/// Not thread-safe: owned by the server's thread.
class Workloads {
 public:
  explicit Workloads(WorkloadParts parts);

  /// Takes over what the store remembers: programs that still run go on under their limits. The
  /// devices must be known already. Errors: the store's and the state folder's.
  Result<> adopt();
  /// Discovery found these devices.
  void set_devices(std::vector<core::Device> devices);

  /// Where the request would go now, by every rule that create() has; nothing changes. Errors:
  /// those of create().
  Result<std::variant<placement::Placement, placement::Refusal>> plan(const NewGrant& wanted) const;
  /// Errors: kNotFound for an unknown device, kUnavailable while everything is being stopped, those
  /// of check_user_limits() and GrantBook::admit().
  Result<Admission> create(const NewGrant& wanted);
  /// Root is not bound by the owner's limits, also with another user's grant.
  Result<Admission> change(const core::Grant& grant, const GrantChange& change,
                           std::uint32_t caller_uid);
  /// Errors: kFailedPrecondition while processes live, unless forced.
  Result<> release(const core::Grant& grant, bool force);
  /// Errors: kNotFound when no such process runs, kPermissionDenied when it is not the caller's,
  /// kUnavailable while everything is being stopped.
  Result<> add_process(const core::Grant& grant, int pid, const Caller& caller);
  /// Errors: kFailedPrecondition when that process is not registered with this grant.
  Result<> report_exit(const core::Grant& grant, const ExitBody& exit);
  /// Ends the whole program: also processes that were started inside and never touched a device.
  /// Asked for by a person, it ends as exited whatever its status.
  void stop(const core::Grant& grant, const StopBody& how);
  /// The same with every grant, and takes no new work from now on.
  void stop_all(int grace_seconds);

  /// A watched process ended.
  void process_gone(core::ProcessId process);
  /// Twice a second: samples, reaps, ends what is over, serves the queue.
  void tick();
  /// Stores events that are not stored yet; tick() does, and the daemon's end.
  void save_events();

  const GrantBook& book() const { return book_; }
  GrantView view(const core::Grant& grant, const Caller& caller) const;
  GrantEnvironment environment(const core::Grant& grant, const std::string& preload_library) const;
  /// Processes that run inside the grant: registered ones and those of its ledger that are really
  /// its owner's.
  std::vector<core::ProcessId> live_processes(const core::Grant& grant) const;
  /// Which live grant a process belongs to; null: none.
  const core::Grant* grant_of(core::ProcessId process) const;
  /// The same, but only if it stands in that grant's ledger, which is where limits are kept.
  const core::Grant* ledger_grant_of(core::ProcessId process) const;
  /// The live grant with this folder; null: none.
  const core::Grant* grant_in(const std::string& folder) const;
  /// Whether this is where the folder of a grant of this daemon would be, also of an unknown one.
  bool keeps_folder(const std::filesystem::path& folder) const;
  /// What grants use of a device, by their ledgers.
  MiB used_memory(const std::string& device_id) const;
  /// Grants whose programs were seen on a device without the library, from now on.
  void set_escaped(const std::set<std::string>& grant_ids);
  /// Names of live grants whose ledger is broken, with the reason.
  std::vector<std::pair<std::string, std::string>> broken_ledgers() const;
  std::vector<std::string> private_ledgers() const;
  /// Names of live grants that claim what cannot be true, with what that is.
  std::vector<std::pair<std::string, std::string>> false_claims() const;
  /// True when processes of the grant keep the limit each by itself.
  bool keeps_private_ledger(const core::Grant& grant) const;
  /// Changes that are not stored yet, because the store refused.
  std::size_t unsaved() const { return unsaved_.size(); }
  bool any_running() const;

 private:
  /// What is known of a live grant beside the book; made anew after a restart.
  struct Tracked {
    LedgerSample sample;
    std::vector<SliceUse> use;
    std::set<core::ProcessId> registered;     // alive as far as the watch says
    std::set<core::ProcessId> descendants;    // the same, of others that were found inside
    std::set<std::uint32_t> users;            // the owner, and those of registered processes
    std::map<core::ProcessId, bool> foreign;  // in the ledger: whether they really have it mapped
    std::string over_limit;                   // which limit of its owner ends it
    std::vector<core::ProcessId> in_ledger;
    std::vector<ProcessUse> process_use;           // of those
    std::vector<LedgerSample::Device> rated_from;  // the counts that the current rates start at
    std::optional<std::int64_t> sampled_ns;        // when
    std::int64_t without_process_since_ns = 0;
    std::int64_t last_work_ns = 0;
    std::optional<std::int64_t> looked_at_ns;
    std::optional<std::int64_t> kill_at_ns;  // it is stopping; then it is insisted
    bool stop_asked = false;                 // by a person, not by a limit
    bool escaped = false;
    std::vector<EventKind> shown_flags;
  };
  struct Ending {
    std::string id;
    core::State state;
    std::string reason;
  };

  Result<> commit_new(const core::Grant& grant);
  Result<> save(const core::Grant& grant);
  void save_or_retry(const std::string& id);
  Result<> publish(const core::Grant& grant);
  /// Publishes what was saved; when that fails, what was before is in force again.
  Result<> publish_or_restore(const core::Grant& grant, const core::Grant& before);
  /// Says on every device of these grants who shares it.
  void publish_sharers(std::span<const core::Grant* const> grants);
  /// Without those whose claims there are false.
  std::vector<const core::Grant*> sharers_of(const std::string& device_id) const;
  Result<> check_new(const NewGrant& wanted) const;
  /// With the defaults of this daemon and of its owner.
  NewGrant completed(NewGrant wanted) const;
  Result<> check_accepting() const;
  void start_following(const std::string& id);
  void end(const std::string& id, core::State state, const std::string& reason);
  /// At once: one write to the store, one of each device's index.
  void end_all(std::span<const Ending> endings);
  void forget_finished();
  /// Removes the folders of grants that an earlier store knew, once nobody runs in them: programs
  /// there go on under the limits that they had.
  void remove_empty_strangers();
  void adopt_age(const core::Grant& grant);
  void end_unseen(const core::Grant& grant, const Tracked& tracked);
  void end_with_code(const core::Grant& grant, const Tracked& tracked, int code);
  void settle(const core::Grant& grant);
  void settle_without_process(const core::Grant& grant, Tracked& tracked);
  /// Watches a process that is known to be inside.
  void enter(const core::Grant& grant, core::ProcessId process);
  bool is_inside(const core::Grant& grant, Tracked& tracked, core::ProcessId process);
  enum class Descendants { kFound, kNone, kNotNow };
  Descendants find_descendants(const core::Grant& grant, Tracked& tracked);
  /// Follows everything that runs inside, also what no ledger and nobody told of.
  void follow_descendants(const core::Grant& grant, const ProcessTree& processes);
  void sample(const core::Grant& grant, Tracked& tracked);
  void take_sample(const core::Grant& grant, Tracked& tracked, LedgerSample next);
  void look_at_claims(const core::Grant& grant, Tracked& tracked);
  /// Leaves those out of the devices' indexes whose claims cannot be true.
  void judge_claims();
  std::string flag_message(const core::Grant& grant, const Tracked& tracked, EventKind flag) const;
  void find_ledger_processes(const core::Grant& grant, Tracked& tracked);
  /// What a process in a container is here; pid 0 when it cannot be told.
  core::ProcessId seen_from_here(const LedgerSample::Process& process);
  void measure(const core::Grant& grant, Tracked& tracked, const LedgerSample& before);
  /// A queued grant lives as long as the process that waits for it.
  void follow_waiter(const core::Grant& grant);
  void withdraw_requests_of(core::ProcessId waiter);
  bool is_quiet(const std::string& id, const Tracked& tracked) const;
  void enforce_age(const core::Grant& grant, Tracked& tracked);
  /// False when nothing runs inside that would have to end.
  bool begin_stop(const core::Grant& grant, const StopBody& how, const ProcessTree& processes);
  void continue_stop(const core::Grant& grant, Tracked& tracked);
  void signal_all(const core::Grant& grant, int signal);
  void serve_queue();
  void told(const core::Grant& grant, EventKind kind, std::string message);
  std::vector<EventKind> flags(const core::Grant& grant, const Tracked& tracked) const;
  /// What makes a vendor's own programs see the grant's devices and no others.
  std::map<std::string, std::string> visibility(const core::Grant& grant,
                                                const std::string& preload_library) const;
  Tracked& tracked(const std::string& id) { return tracked_[id]; }
  const std::string& owner_name(std::uint32_t uid) const;

  WorkloadParts parts_;
  GrantBook book_;
  std::mt19937_64 random_;
  std::map<std::string, Tracked> tracked_;  // live grants that hold slices, by id
  ClaimWatch claims_;
  std::set<std::string> unsaved_;
  std::int64_t descent_after_ns_ = 0;  // not before this are descendants looked for again
  std::vector<os::NamespacedProcess> contained_;  // as of contained_ns_
  std::optional<std::int64_t> contained_ns_;
  bool stopping_all_ = false;
  std::set<std::string> strangers_;  // ids of grants with a folder that no store knows
  std::int64_t strangers_seen_ns_ = 0;
  /// Asking the system for each of a thousand grants costs more than writing them; forgotten twice
  /// a second, so that a new name is soon seen.
  mutable std::map<std::uint32_t, std::string> owner_names_;
};

}  // namespace melon::agent
