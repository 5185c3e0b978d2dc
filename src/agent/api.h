// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/answers.h"
#include "agent/caller.h"
#include "agent/event_log.h"
#include "agent/workloads.h"
#include "net/server.h"

namespace melon::agent {

/// What the API shows beside grants. Each is asked when a caller asks.
struct ApiSources {
  std::function<std::vector<DeviceView>()> devices;
  std::function<std::vector<std::string>()> vendors;  // JSON texts, each with its "id"
  std::function<std::optional<std::string>(const std::string& id)> vendor;
  std::function<std::vector<ProcessView>(const Caller&)> processes;
  std::function<std::vector<core::Finding>(const Caller&)> findings;
  std::function<std::string()> metrics;
  std::function<VersionView()> version;
  std::function<HealthView()> health;
  std::function<void(bool stop_all)> shutdown;
};

/// One operation of the REST contract. `pattern` is its path in api/openapi.yaml, where {x} stands
/// for one word.
struct Operation {
  std::string_view method;
  std::string_view pattern;
};

/// The REST API: translates requests, asks Workloads, writes answers. Everything that can be called
/// is in one table; the contract is compared with it. Not thread-safe: the server's thread.
class Api {
 public:
  Api(Workloads& workloads, EventLog& events, GrantFeed& feed, ApiSources sources,
      std::uint32_t daemon_uid);

  net::Answer answer(const net::HttpRequest& request);
  /// Only metrics: for a TCP address, where nobody vouches for the caller.
  net::Answer answer_metrics(const net::HttpRequest& request);

  static std::vector<Operation> operations();

 private:
  struct Call;
  struct Route;
  static std::span<const Route> routes();

  net::Answer list_grants(const Call& call);
  net::Answer watch_grants(const Call& call, bool all);
  net::Answer show_grant(const Call& call);
  net::Answer create_grant(const Call& call);
  net::Answer update_grant(const Call& call);
  net::Answer delete_grant(const Call& call);
  net::Answer register_process(const Call& call);
  net::Answer report_exit(const Call& call);
  net::Answer stop_grant(const Call& call);
  net::Answer grant_environment(const Call& call);
  net::Answer explain_grant(const Call& call);
  net::Answer get_device(const Call& call);
  net::Answer get_vendor(const Call& call);
  net::Answer list_events(const Call& call);
  net::Answer shut_down(const Call& call);

  Result<const core::Grant*> find_grant(const Call& call) const;
  Result<const core::Grant*> own_grant(const Call& call) const;
  std::string text(const core::Grant& grant, const Caller& caller) const;
  /// What became of a grant that was acted on.
  net::Answer acted(const Result<>& done, const std::string& id, const Call& call) const;
  net::Answer admitted(const Result<Admission>& admission, const Call& call, Asked asked) const;

  Workloads& workloads_;
  EventLog& events_;
  GrantFeed& feed_;
  ApiSources sources_;
  std::uint32_t daemon_uid_;
};

}  // namespace melon::agent
