// SPDX-License-Identifier: Apache-2.0
// The operations on grants: translate, ask Workloads, answer.
#include <fmt/format.h>

#include <charconv>

#include "agent/api_call.h"
#include "agent/requests.h"
#include "core/names.h"
#include "net/error_body.h"

namespace melon::agent {

using core::Grant;

namespace {

/// The id after which a stream or a list goes on; 0: none given. Errors: kInvalidArgument.
Result<std::int64_t> parse_id(const std::string& text, const char* name) {
  std::int64_t id = 0;
  if (text.empty()) return id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc{} && end == text.data() + text.size() && id >= 0) return id;
  return fail(Code::kInvalidArgument, fmt::format("{}: '{}' is not an event's id", name, text),
              "give the id of an event that you received");
}

std::string query_text(const net::HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

}  // namespace

Result<const Grant*> Api::find_grant(const Call& call) const {
  if (const Grant* const grant = workloads_.book().find(call.word)) return grant;
  return fail(Code::kNotFound, fmt::format("no grant named '{}'", call.word),
              "see what there is: melon ps -a");
}

Result<const Grant*> Api::own_grant(const Call& call) const {
  MELON_TRY(const Grant* const grant, find_grant(call));
  MELON_RETURN_IF_ERROR(call.caller.may_change(*grant));
  return grant;
}

std::string Api::text(const Grant& grant, const Caller& caller) const {
  return to_json(workloads_.view(grant, caller));
}

net::Answer Api::show_grant(const Call& call) {
  const auto grant = find_grant(call);
  if (!grant) return net::error_response(grant.error());
  return json_answer(200, text(**grant, call.caller));
}

net::Answer Api::acted(const Result<>& done, const std::string& id, const Call& call) const {
  if (!done) return net::error_response(done.error());
  const Grant* const grant = workloads_.book().at(id);
  if (grant == nullptr)
    return net::error_response(Error{Code::kNotFound, fmt::format("grant '{}' is forgotten", id),
                                     "see what there is: melon ps -a"});
  return json_answer(200, text(*grant, call.caller));
}

net::Answer Api::admitted(const Result<Admission>& admission, const Call& call, Asked asked) const {
  if (!admission) return net::error_response(admission.error());
  if (const auto* const refusal = std::get_if<placement::Refusal>(&*admission))
    return refusal_answer(*refusal, asked);
  return json_answer(200, text(*std::get<const Grant*>(*admission), call.caller));
}

net::Answer Api::list_grants(const Call& call) {
  const auto all = parse_switch(call.request.query, "all");
  const auto watch = parse_switch(call.request.query, "watch");
  if (!all) return net::error_response(all.error());
  if (!watch) return net::error_response(watch.error());
  if (*watch) return watch_grants(call, *all);
  std::vector<std::string> items;
  for (const Grant* const grant : workloads_.book().grants())
    if (*all || !core::is_over(grant->state)) items.push_back(text(*grant, call.caller));
  return json_answer(200, json_array(items));
}

net::Answer Api::watch_grants(const Call& call, bool all) {
  const auto since = parse_id(call.request.last_event_id, "Last-Event-ID");
  if (!since) return net::error_response(since.error());
  std::vector<std::string> first;
  std::optional<std::vector<std::string>> missed;
  if (*since != 0) missed = feed_.changed_after(static_cast<std::uint64_t>(*since));
  if (missed) {
    first = std::move(*missed);
  } else {
    for (const Grant* const grant : workloads_.book().grants())
      if (all || !core::is_over(grant->state)) first.push_back(grant->id);
  }
  return net::EventStream(
      [this, caller = call.caller, first = std::move(first)](std::shared_ptr<net::EventSink> sink) {
        feed_.follow(
            std::move(sink),
            [this, caller](const std::string& id) -> std::optional<std::string> {
              const Grant* const grant = workloads_.book().at(id);
              if (grant == nullptr) return std::nullopt;
              return text(*grant, caller);
            },
            first);
      });
}

net::Answer Api::create_grant(const Call& call) {
  const auto owner = call.caller.uid();
  if (!owner) return net::error_response(owner.error());
  auto body = parse_grant_request(call.request.body);
  if (!body) return net::error_response(body.error());
  body->wanted.owner = *owner;
  if (body->waiter_pid != 0) {
    const auto waiter = process_of(call.caller, body->waiter_pid);
    if (!waiter) return net::error_response(waiter.error());
    body->wanted.waiter = *waiter;
  }
  if (body->dry_run) {
    const auto plan = workloads_.plan(body->wanted);
    if (!plan) return net::error_response(plan.error());
    if (const auto* const refusal = std::get_if<placement::Refusal>(&*plan))
      return refusal_answer(*refusal);
    return json_answer(200, plan_json(std::get<placement::Placement>(*plan)));
  }
  const auto admission = workloads_.create(body->wanted);
  net::Answer answer = admitted(admission, call, Asked::kNewGrant);
  auto& response = std::get<net::HttpResponse>(answer);
  if (response.status == 200)
    response.status = std::get<const Grant*>(*admission)->state == core::State::kQueued ? 202 : 201;
  return answer;
}

net::Answer Api::update_grant(const Call& call) {
  const auto grant = own_grant(call);
  if (!grant) return net::error_response(grant.error());
  const auto change = parse_grant_change(call.request.body);
  if (!change) return net::error_response(change.error());
  const auto caller = call.caller.uid();
  if (!caller) return net::error_response(caller.error());
  return admitted(workloads_.change(**grant, *change, *caller), call, Asked::kChange);
}

net::Answer Api::delete_grant(const Call& call) {
  const auto grant = own_grant(call);
  if (!grant) return net::error_response(grant.error());
  const auto force = parse_switch(call.request.query, "force");
  if (!force) return net::error_response(force.error());
  const std::string id = (*grant)->id;
  return acted(workloads_.release(**grant, *force), id, call);
}

net::Answer Api::register_process(const Call& call) {
  const auto grant = own_grant(call);
  if (!grant) return net::error_response(grant.error());
  const auto pid = parse_process(call.request.body);
  if (!pid) return net::error_response(pid.error());
  const std::string id = (*grant)->id;
  return acted(workloads_.add_process(**grant, *pid, call.caller), id, call);
}

net::Answer Api::report_exit(const Call& call) {
  const auto grant = own_grant(call);
  if (!grant) return net::error_response(grant.error());
  const auto exit = parse_exit(call.request.body);
  if (!exit) return net::error_response(exit.error());
  const std::string id = (*grant)->id;
  return acted(workloads_.report_exit(**grant, *exit), id, call);
}

net::Answer Api::stop_grant(const Call& call) {
  const auto grant = own_grant(call);
  if (!grant) return net::error_response(grant.error());
  const auto how = parse_stop(call.request.body);
  if (!how) return net::error_response(how.error());
  const std::string id = (*grant)->id;
  workloads_.stop(**grant, *how);
  return acted({}, id, call);
}

net::Answer Api::grant_environment(const Call& call) {
  const auto grant = own_grant(call);
  if (!grant) return net::error_response(grant.error());
  if (core::is_over((*grant)->state))
    return net::error_response(Error{Code::kFailedPrecondition,
                                     fmt::format("grant '{}' is over", (*grant)->name),
                                     "start a new one: melon run"});
  if (!core::holds_slices((*grant)->state))
    return net::error_response(
        Error{Code::kFailedPrecondition, fmt::format("grant '{}' holds no slices", (*grant)->name),
              "ask again once it is reserved; why it waits: melon explain " + (*grant)->name});
  return json_answer(200,
                     to_json(workloads_.environment(**grant, sources_.version().preload_library)));
}

net::Answer Api::explain_grant(const Call& call) {
  const auto found = find_grant(call);
  if (!found) return net::error_response(found.error());
  const Grant& grant = **found;
  const auto refusal = workloads_.book().refusal_of(grant);
  std::string reason = grant.reason;
  if (reason.empty() && core::holds_slices(grant.state))
    reason = workloads_.book().choice_of(grant);
  return json_answer(200, explanation_json(grant, reason, refusal));
}

net::Answer Api::get_device(const Call& call) {
  for (const DeviceView& view : sources_.devices())
    if (view.state.device.id == call.word) return json_answer(200, to_json(view));
  return net::error_response(Error{Code::kNotFound, fmt::format("no device '{}'", call.word),
                                   "see what there is: melon devices"});
}

net::Answer Api::get_vendor(const Call& call) {
  if (const auto vendor = sources_.vendor(call.word)) return json_answer(200, *vendor);
  return net::error_response(Error{Code::kNotFound, fmt::format("no vendor '{}'", call.word),
                                   "see what there is: melon vendors"});
}

net::Answer Api::list_events(const Call& call) {
  const net::HttpRequest& request = call.request;
  const auto watch = parse_switch(request.query, "watch");
  if (!watch) return net::error_response(watch.error());
  const std::string resumed = request.last_event_id;
  const auto since = resumed.empty() || !*watch ? parse_id(query_text(request, "since"), "since")
                                                : parse_id(resumed, "Last-Event-ID");
  if (!since) return net::error_response(since.error());
  std::string name = query_text(request, "grant");
  if (name.size() > core::kLongestName)
    return net::error_response(Error{Code::kInvalidArgument,
                                     fmt::format("grant: a name has at most {} letters, not {}",
                                                 core::kLongestName, name.size()),
                                     "give a grant's name or id"});
  if (const Grant* const grant = workloads_.book().find(name)) name = grant->name;  // or an id
  if (*watch)
    return net::EventStream([this, since = *since, name](std::shared_ptr<net::EventSink> sink) {
      events_.follow(std::move(sink), since, name);
    });
  std::vector<std::string> items;
  for (const store::EventRecord& event : events_.after(*since, name))
    items.push_back(event_json(event.id, event.unix_ms, event.kind, event.grant, event.message));
  return json_answer(200, json_array(items));
}

net::Answer Api::shut_down(const Call& call) {
  if (const auto allowed = call.caller.may_administer(); !allowed)
    return net::error_response(allowed.error());
  const auto stop_all = parse_shutdown(call.request.body);
  if (!stop_all) return net::error_response(stop_all.error());
  sources_.shutdown(*stop_all);
  return json_answer(202, to_json(sources_.health()));
}

}  // namespace melon::agent
