// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/device.h"
#include "core/grant.h"

namespace melon::agent {

/// One kind of event, as `GET /v1/events` tells it. Codes are stable.
struct EventKindRow {
  std::string_view code;
  std::string_view meaning;
  std::string_view message;  // what its message holds; empty: nothing
};

/// Every kind of event; the reference page is made of it.
inline constexpr std::array kEventKinds = std::to_array<EventKindRow>({
    {"daemon_started", "the daemon is ready", "how many devices and grants it has"},
    {"daemon_stopping", "the daemon ends", "what becomes of programs"},
    {"metrics_listening", "metrics are served on TCP", "the port"},
    {"device_healthy", "the device can be granted", "the device"},
    {"device_unhealthy", "nothing new is granted on the device", "the device and why"},
    {"device_held", "another daemon has the device", "the device and who holds it"},
    {"grant_queued", "the request waits for room", "why"},
    {"grant_reserved", "the grant holds its slices", "the slices: memory, compute, priority"},
    {"grant_changed", "its limits were changed", "the slices: memory, compute, priority"},
    {"grant_suspended", "its launches are held", ""},
    {"grant_resumed", "its launches go on", ""},
    {"grant_stopping", "its processes were told to end", "how long they may take"},
    {"grant_over_limit", "it is stopped by a limit of its owner", "which limit"},
    {"grant_exited", "it is over: its program ended with status 0, or was stopped as asked",
     "how it ended"},
    {"grant_failed", "it is over: its program failed, or never started", "how it ended"},
    {"grant_lost", "it is over: its processes vanished and nobody saw how", "what is known"},
    {"process_started", "a process entered the grant", "how that is known"},
    {"files_failed", "files that tenants share could not be written", "the cause"},
    {"unmanaged_process", "a process is on a device outside any grant's limits",
     "whose it is and on what"},
    {"ledger_broken", "a tenant has damaged its ledger", "which rule it breaks"},
    {"false_claims", "it claims what it cannot be using; others no longer wait for it",
     "what it claims"},
    {"private_ledger", "a process cannot use the shared ledger and keeps its limit alone", ""},
    {"too_many_processes", "one process too many was refused its allocations", ""},
    {"no_timer", "the device tells no cost of launches; it is taken from when they finish", ""},
    {"unknown_symbol", "the program asked for a function that may escape the limits", ""},
    {"over_limit", "more memory is in use than the limit, which was lowered", ""},
    {"stopping", "its processes are ending", ""},
});

/// A code of the table; another does not compile.
class EventKind {
 public:
  consteval EventKind(const char* code) {  // NOLINT(google-explicit-constructor): reads as text
    while (kEventKinds.at(row_).code != code) ++row_;
  }
  std::string_view code() const { return kEventKinds.at(row_).code; }
  bool operator==(const EventKind&) const = default;

 private:
  std::size_t row_ = 0;
};

/// What the end of a grant is told as.
constexpr EventKind end_event(core::State state) {
  switch (state) {
    case core::State::kExited:
      return "grant_exited";
    case core::State::kFailed:
      return "grant_failed";
    default:
      return "grant_lost";
  }
}

constexpr EventKind health_event(core::Health health) {
  switch (health) {
    case core::Health::kUnhealthy:
      return "device_unhealthy";
    case core::Health::kHeld:
      return "device_held";
    case core::Health::kHealthy:
      break;
  }
  return "device_healthy";
}

}  // namespace melon::agent
