// SPDX-License-Identifier: Apache-2.0
// Writes what Prometheus scrapes.
#include "agent/metrics.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "core/names.h"

namespace melon::agent {
namespace {

constexpr std::int64_t kBytesPerMiB = 1 << 20;
constexpr double kPermille = 1000.0;
constexpr auto kGauge = telemetry::MetricKind::kGauge;

using Labels = std::vector<std::pair<std::string, std::string>>;

using Values = std::vector<telemetry::MetricValue>;

/// A metric and how it is made of the facts.
struct Source {
  Metric metric;
  std::function<void(const MetricFacts&, Values&)> write;
};

Labels device_labels(const DeviceView& view) {
  return {{"device", view.state.device.id}, {"vendor", view.state.device.vendor}};
}

Labels slice_labels(const GrantView& view, std::size_t slice) {
  return {{"grant", view.grant->name}, {"device", view.grant->slices[slice].device}};
}

using DeviceValue = std::function<std::optional<double>(const DeviceView&)>;
using SliceValue = std::function<std::optional<double>(const GrantView&, std::size_t slice)>;

std::function<void(const MetricFacts&, Values&)> of_devices(DeviceValue value) {
  return [value = std::move(value)](const MetricFacts& facts, Values& values) {
    for (const DeviceView& view : facts.devices)
      if (const auto amount = value(view)) values.push_back({device_labels(view), *amount});
  };
}

std::function<void(const MetricFacts&, Values&)> of_slices(SliceValue value) {
  return [value = std::move(value)](const MetricFacts& facts, Values& values) {
    for (const GrantView& view : facts.grants)
      for (std::size_t i = 0; i < view.grant->slices.size(); ++i)
        if (const auto amount = value(view, i)) values.push_back({slice_labels(view, i), *amount});
  };
}

double bytes(MiB memory) { return static_cast<double>(memory.count() * kBytesPerMiB); }
double ratio(Permille part) { return static_cast<double>(part.count()) / kPermille; }

template <class Unit, class Convert>
std::optional<double> converted(const std::optional<Quantity<Unit>>& value, Convert convert) {
  return value ? std::optional<double>(convert(*value)) : std::nullopt;
}

template <class Unit, class Convert>
std::optional<double> use_of(const GrantView& view, std::size_t slice,
                             std::optional<Quantity<Unit>> SliceUse::*member, Convert convert) {
  if (slice >= view.use.size()) return std::nullopt;
  return converted(view.use[slice].*member, convert);
}

std::function<void(const MetricFacts&, Values&)> of_unmanaged(
    std::optional<MiB> UnmanagedUse::*member) {
  return [member](const MetricFacts& facts, Values& values) {
    for (const auto& [device, use] : facts.unmanaged)
      if (const auto amount = use.*member) values.push_back({{{"device", device}}, bytes(*amount)});
  };
}

void write_process_memory(const MetricFacts& facts, Values& values) {
  for (const GrantView& view : facts.grants)
    for (const ProcessUse& process : view.processes)
      for (std::size_t i = 0; i < std::min(process.memory.size(), view.grant->slices.size()); ++i) {
        Labels labels = slice_labels(view, i);
        labels.emplace_back("slot", std::to_string(process.slot));
        values.push_back({std::move(labels), bytes(process.memory[i])});
      }
}

void write_flags(const MetricFacts& facts, Values& values) {
  for (const GrantView& view : facts.grants)
    for (const std::string& flag : view.flags)
      values.push_back({{{"grant", view.grant->name}, {"flag", flag}}, 1.0});
}

constexpr std::string_view kDevice = "device, vendor";
constexpr std::string_view kSlice = "grant, device";

std::vector<Source> device_sources() {
  return {
      {{"melon_device_memory_bytes", kGauge, kDevice, "Memory of the device."},
       of_devices([](const DeviceView& view) { return bytes(view.state.device.memory); })},
      {{"melon_device_memory_booked_bytes", kGauge, kDevice, "Memory that grants hold of it."},
       of_devices([](const DeviceView& view) { return bytes(view.state.booked_memory); })},
      {{"melon_device_memory_used_bytes", kGauge, kDevice,
        "Memory really used on it: by anyone, where its library tells that, else by grants."},
       of_devices([](const DeviceView& view) { return converted(view.used_memory, bytes); })},
      {{"melon_device_compute_booked_ratio", kGauge, kDevice,
        "Compute that grants have booked of it, 1 is the whole device."},
       of_devices([](const DeviceView& view) { return ratio(view.state.booked_compute); })},
      {{"melon_device_utilization_ratio", kGauge, kDevice,
        "How busy it is; absent when the device does not tell."},
       of_devices([](const DeviceView& view) { return converted(view.utilization, ratio); })},
      {{"melon_device_healthy_bool", kGauge, kDevice, "1 when it can be granted."},
       of_devices([](const DeviceView& view) {
         return view.state.device.health == core::Health::kHealthy ? 1.0 : 0.0;
       })},
  };
}

std::vector<Source> slice_sources() {
  return {
      {{"melon_grant_memory_limit_bytes", kGauge, kSlice, "Memory limit of a grant's slice."},
       of_slices([](const GrantView& view, std::size_t i) {
         return bytes(view.grant->slices[i].memory);
       })},
      {{"melon_grant_memory_used_bytes", kGauge, kSlice, "Memory used in it."},
       of_slices([](const GrantView& view, std::size_t i) {
         return use_of(view, i, &SliceUse::memory, bytes);
       })},
      {{"melon_grant_compute_limit_ratio", kGauge, kSlice,
        "The most compute that it may use, 1 is the whole device."},
       of_slices([](const GrantView& view, std::size_t i) {
         return ratio(view.grant->slices[i].ceiling);
       })},
      {{"melon_grant_compute_used_ratio", kGauge, kSlice, "Compute used in the last second."},
       of_slices([](const GrantView& view, std::size_t i) {
         return use_of(view, i, &SliceUse::compute, ratio);
       })},
      {{"melon_grant_throttled_ratio", kGauge, kSlice,
        "Part of the last second in which launches were held."},
       of_slices([](const GrantView& view, std::size_t i) {
         return use_of(view, i, &SliceUse::throttled, ratio);
       })},
  };
}

std::vector<Source> daemon_sources() {
  return {
      {{"melon_grant_processes_count", kGauge, "grant", "Live processes of a grant."},
       [](const MetricFacts& facts, Values& values) {
         for (const auto& [name, count] : facts.processes)
           values.push_back({{{"grant", name}}, static_cast<double>(count)});
       }},
      {{"melon_process_memory_used_bytes", kGauge, "grant, device, slot",
        "Memory used by one process of a grant, told apart by its slot in the ledger; the first "
        "32."},
       write_process_memory},
      {{"melon_grant_flagged_bool", kGauge, "grant, flag",
        "1 for each flag of a grant, named as in events: too_many_processes, private_ledger and "
        "others."},
       write_flags},
      {{"melon_grants_count", kGauge, "state", "Grants by state; of those over, the kept ones."},
       [](const MetricFacts& facts, Values& values) {
         for (const auto& [state, count] : facts.states)
           values.push_back({{{"state", state}}, static_cast<double>(count)});
       }},
      {{"melon_unmanaged_processes_count", kGauge, "device",
        "Processes on a device outside any grant's limits."},
       [](const MetricFacts& facts, Values& values) {
         for (const auto& [device, use] : facts.unmanaged)
           values.push_back({{{"device", device}}, static_cast<double>(use.processes)});
       }},
      {{"melon_unmanaged_memory_used_bytes", kGauge, "device",
        "Memory of the device that they hold; absent while it is not told of one of them."},
       of_unmanaged(&UnmanagedUse::used_memory)},
      {{"melon_unmanaged_memory_resident_bytes", kGauge, "device",
        "What they have resident of the machine's memory, where that is the device's own (a CPU): "
        "what they hold of the device is within it. Absent while it is not known of one of them."},
       of_unmanaged(&UnmanagedUse::resident_memory)},
      {{"melon_findings_count", kGauge, "", "What melon doctor would list."},
       [](const MetricFacts& facts, Values& values) {
         values.push_back({{}, static_cast<double>(facts.findings)});
       }},
  };
}

const std::vector<Source>& sources() {
  static const std::vector<Source> kSources = [] {
    std::vector<Source> all = device_sources();
    for (auto part : {slice_sources(), daemon_sources()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kSources;
}

}  // namespace

std::span<const Metric> metrics() {
  static const std::vector<Metric> kMetrics = [] {
    std::vector<Metric> all;
    for (const Source& source : sources()) all.push_back(source.metric);
    return all;
  }();
  return kMetrics;
}

std::string metrics_text(const MetricFacts& facts) {
  std::vector<telemetry::MetricFamily> families;
  for (const Source& source : sources()) {
    Values values;
    source.write(facts, values);
    families.push_back({.name = std::string(source.metric.name),
                        .kind = source.metric.kind,
                        .help = std::string(source.metric.help),
                        .values = std::move(values)});
  }
  return telemetry::to_text(families);
}

}  // namespace melon::agent
