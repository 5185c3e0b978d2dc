// SPDX-License-Identifier: Apache-2.0
// The table of operations, and the finding of the one that is called.
#include "agent/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/api_call.h"
#include "agent/contract.h"
#include "net/error_body.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace melon::agent {
namespace {

std::vector<std::string_view> words(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

/// True when the path is of this pattern; `word` becomes what stands for {x}.
bool matches(std::string_view pattern, const std::vector<std::string_view>& path,
             std::string& word) {
  const std::vector<std::string_view> wanted = words(pattern);
  if (wanted.size() != path.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      if (path[i].empty()) return false;
      word = path[i];
    } else if (wanted[i] != path[i]) {
      return false;
    }
  }
  return true;
}

template <class View>
net::HttpResponse list_answer(const std::vector<View>& views) {
  std::vector<std::string> items;
  items.reserve(views.size());
  for (const View& view : views) items.push_back(to_json(view));
  return json_answer(200, json_array(items));
}

net::HttpResponse text_answer(std::string body, std::string type) {
  net::HttpResponse response;
  response.body = std::move(body);
  response.content_type = std::move(type);
  return response;
}

// What the client is told to look for in the log.
void log_failure(const net::HttpRequest& request, const net::Answer& answer) {
  constexpr int kFirstServerError = 500;
  const auto* const response = std::get_if<net::HttpResponse>(&answer);
  if (response != nullptr && response->status >= kFirstServerError)
    telemetry::log(
        telemetry::Level::kError, "a request failed",
        {{"method", request.method}, {"path", request.path}, {"answer", response->body}});
}

}  // namespace

Api::Api(Workloads& workloads, EventLog& events, GrantFeed& feed, ApiSources sources,
         std::uint32_t daemon_uid)
    : workloads_(workloads),
      events_(events),
      feed_(feed),
      sources_(std::move(sources)),
      daemon_uid_(daemon_uid) {}

std::span<const Api::Route> Api::routes() {
  static const std::array kRoutes = {
      Route{"GET", "/v1/health",
            [](Api& api, const Call&) -> net::Answer {
              return json_answer(200, to_json(api.sources_.health()));
            }},
      Route{"GET", "/v1/version",
            [](Api& api, const Call&) -> net::Answer {
              return json_answer(200, to_json(api.sources_.version()));
            }},
      Route{
          "GET", "/v1/devices",
          [](Api& api, const Call&) -> net::Answer { return list_answer(api.sources_.devices()); }},
      Route{"GET", "/v1/devices/{device}", &Api::get_device},
      Route{"GET", "/v1/vendors",
            [](Api& api, const Call&) -> net::Answer {
              return json_answer(200, json_array(api.sources_.vendors()));
            }},
      Route{"GET", "/v1/vendors/{vendor}", &Api::get_vendor},
      Route{"GET", "/v1/grants", &Api::list_grants},
      Route{"POST", "/v1/grants", &Api::create_grant},
      Route{"GET", "/v1/grants/{grant}", &Api::show_grant},
      Route{"PATCH", "/v1/grants/{grant}", &Api::update_grant},
      Route{"DELETE", "/v1/grants/{grant}", &Api::delete_grant},
      Route{"POST", "/v1/grants/{grant}/processes", &Api::register_process},
      Route{"POST", "/v1/grants/{grant}/exit", &Api::report_exit},
      Route{"POST", "/v1/grants/{grant}/stop", &Api::stop_grant},
      Route{"GET", "/v1/grants/{grant}/environment", &Api::grant_environment},
      Route{"GET", "/v1/grants/{grant}/explain", &Api::explain_grant},
      Route{"GET", "/v1/processes",
            [](Api& api, const Call& call) -> net::Answer {
              return list_answer(api.sources_.processes(call.caller));
            }},
      Route{"GET", "/v1/events", &Api::list_events},
      Route{"GET", "/v1/findings",
            [](Api& api, const Call& call) -> net::Answer {
              return list_answer(api.sources_.findings(call.caller));
            }},
      Route{"POST", "/v1/shutdown", &Api::shut_down},
      Route{"GET", "/metrics",
            [](Api& api, const Call&) -> net::Answer {
              return text_answer(api.sources_.metrics(),
                                 std::string(telemetry::kMetricsContentType));
            }},
      Route{"GET", "/openapi.json",
            [](Api&, const Call&) -> net::Answer { return json_answer(200, contract_json()); }},
  };
  return kRoutes;
}

std::vector<Operation> Api::operations() {
  std::vector<Operation> all;
  for (const Route& route : routes()) all.push_back({route.method, route.pattern});
  return all;
}

net::Answer Api::answer(const net::HttpRequest& request) {
  const std::vector<std::string_view> path = words(request.path);
  std::string allowed;
  for (const Route& route : routes()) {
    std::string word;
    if (!matches(route.pattern, path, word)) continue;
    if (route.method == request.method) {
      const Call call{request, Caller(request.peer, daemon_uid_), std::move(word)};
      net::Answer answer = route.run(*this, call);
      log_failure(request, answer);
      return answer;
    }
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
  }
  if (allowed.empty())
    return net::error_response(Error{Code::kNotFound, fmt::format("no path '{}'", request.path),
                                     "see /openapi.json for what there is"});
  net::HttpResponse refused = net::error_response(
      405, Error{Code::kInvalidArgument,
                 fmt::format("{} is not a method of '{}'", request.method, request.path),
                 "use " + allowed});
  refused.headers["Allow"] = allowed;
  return refused;
}

net::Answer Api::answer_metrics(const net::HttpRequest& request) {
  if (request.method == "GET" && request.path == "/metrics") return answer(request);
  return net::error_response(Error{Code::kNotFound, "this address only has GET /metrics",
                                   "use the daemon's Unix socket for everything else"});
}

}  // namespace melon::agent
