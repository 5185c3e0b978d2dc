// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/api.h"
#include "agent/device_roster.h"
#include "agent/device_users.h"
#include "agent/device_watch.h"
#include "agent/event_log.h"
#include "agent/findings.h"
#include "agent/places.h"
#include "agent/process_watch.h"
#include "agent/state_folder.h"
#include "agent/workloads.h"
#include "base/clock.h"
#include "config/daemon_config.h"
#include "net/server.h"
#include "store/store.h"
#include "vendors/descriptor.h"

namespace melon::agent {

/// One running daemon: its parts, and what happens twice a second. Everything but ProcessWatch's
/// own thread runs on the server's thread.
class Daemon {
 public:
  /// Takes locks, store and socket, finds devices, adopts what runs.
  static Result<std::unique_ptr<Daemon>> start(const DaemonOptions& options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Serves until it is told to end.
  void run();

 private:
  Daemon(DaemonOptions options, config::DaemonConfig config, Places places);

  Result<> open_state();
  Result<> listen(const std::string& metrics_address);
  Result<> find_devices();
  Result<> keep_device_memory();
  Result<> adopt();
  void tick();
  void begin_look();
  void take_look(DeviceLook look);
  void report_unmanaged();
  void end(bool stop_all);

  ApiSources sources();
  std::vector<DeviceView> device_views() const;
  std::map<std::string, UnmanagedUse> unmanaged_use() const;  // by device; "": not known which
  std::vector<ProcessView> process_views(const Caller& caller) const;
  std::vector<core::Finding> findings(const Caller& caller) const;
  std::string restart_command() const;
  std::int64_t looking_seconds() const;
  std::string metrics() const;
  VersionView version() const;
  HealthView health() const;

  SystemClock clock_;
  DaemonOptions options_;
  config::DaemonConfig config_;
  Places places_;
  std::vector<vendors::Descriptor> vendors_;
  std::string library_;  // empty: not found
  std::vector<std::string> library_candidates_;
  std::unique_ptr<StateFolder> folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<EventLog> events_;
  std::unique_ptr<GrantFeed> feed_;
  std::shared_ptr<devlib::Catalog> catalog_;
  std::unique_ptr<DeviceRoster> roster_;
  std::unique_ptr<Workloads> workloads_;
  std::unique_ptr<Api> api_;
  std::vector<DeviceUser> device_users_;
  Newcomers newcomers_;
  std::set<core::ProcessId> reported_unmanaged_;
  std::int64_t clock_behind_ms_ = 0;
  std::optional<std::int64_t> look_began_ns_;  // of the one under way
  bool stopping_ = false;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<ProcessWatch> watch_;  // last: their threads post to the server
  std::unique_ptr<DeviceWatch> device_watch_;
};

}  // namespace melon::agent
