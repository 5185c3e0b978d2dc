// SPDX-License-Identifier: Apache-2.0
// Decides on a new pod, container by container and backend by backend.
#include "vendors/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "vendors/detail/amounts.h"
#include "vendors/template_text.h"

namespace melon::vendors {
namespace {

using detail::Amount;
using detail::Amounts;

constexpr std::string_view kDefaultScheduler = "default-scheduler";

tl::unexpected<Error> in_container(const ContainerSpec& container, const Error& error) {
  return fail(error.code, fmt::format("container '{}': {}", container.name, error.message),
              error.remedy);
}

/// The backends that a container's resource lists name, in the order of the catalogue.
std::vector<BackendId> named_backends(const ContainerSpec& container, const Catalogue& catalogue) {
  std::vector<BackendId> ids;
  for (const auto* const list : {&container.limits, &container.requests})
    for (const auto& entry : *list)
      if (const auto meaning = catalogue.meaning(entry.first)) ids.push_back(meaning->backend);
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

/// Writes one resource under its current name, in place of historic ones.
void write_amount(ContainerSpec& container, const Catalogue& catalogue, BackendId id,
                  Resource resource, const std::optional<Amount>& amount) {
  const Backend& backend = catalogue.backend(id);
  const std::string& name = backend.resources.of(resource);
  if (!amount || (amount->name == name && resource == Resource::kMemoryPercentage)) return;
  const bool is_memory = resource == Resource::kMemory;
  const bool as_bytes = is_memory && backend.memory.suffix_means_bytes;
  // What is written in bytes is not rounded here, and may be no whole number of units.
  if (as_bytes && amount->name == name) return;
  const std::string text =
      std::to_string(is_memory ? amount->value / backend.memory.unit_mib : amount->value);
  const auto write = [&](std::map<std::string, std::string>& list, bool always) {
    bool present = list.contains(name);
    for (const Alias* const alias : catalogue.aliases(id, resource))
      present = list.erase(alias->name) > 0 || present;
    if (present || always) list[name] = text;
  };
  write(container.limits, true);
  write(container.requests, false);
}

/// One pod's way through admission.
class Admitting {
 public:
  Admitting(const PodSpec& pod, const Catalogue& catalogue, const AdmissionOptions& options)
      : catalogue_(catalogue), options_(options) {
    result_.pod = pod;
  }

  Result<Admission> run() {
    if (is_for_another_scheduler()) return std::move(result_);
    std::vector<int> users(catalogue_.backends().size(), 0);
    for (ContainerSpec& container : result_.pod.containers) {
      std::vector<Demand> demands;
      const auto decided = admit_container(container, demands);
      if (!decided) return in_container(container, decided.error());
      for (const Demand& demand : demands)
        if (++users[demand.backend] > 1 && !is_compatible(options_.mode) &&
            catalogue_.backend(demand.backend).count.one_container)
          return in_container(container, second_user(demand));
      result_.has_devices = result_.has_devices || !demands.empty();
      result_.demands.push_back(std::move(demands));
    }
    return finish();
  }

 private:
  bool is_for_another_scheduler() const {
    const std::string& name = result_.pod.scheduler_name;
    if (name.empty() || name == options_.scheduler_name) return false;
    return !(name == kDefaultScheduler && options_.replace_default_scheduler);
  }

  Error second_user(const Demand& demand) const {
    return {Code::kInvalidArgument,
            fmt::format("{} is asked for by another container of the pod too, and its node serves "
                        "one container of a pod",
                        catalogue_.backend(demand.backend).resources.count),
            "put the containers into pods of their own"};
  }

  /// 2.9 leaves initial containers and privileged ones as they are.
  bool is_left_alone(const ContainerSpec& container) const {
    return options_.mode == Compatibility::kHami29 &&
           (container.privileged || container.kind != ContainerKind::kApp);
  }

  Result<> admit_container(ContainerSpec& container, std::vector<Demand>& demands) {
    const bool left_alone = is_left_alone(container);
    if (left_alone && container.privileged) return {};
    const auto ids = named_backends(container, catalogue_);
    for (const BackendId id : ids) {
      const detail::Circumstances at{.backend = catalogue_.backend(id),
                                     .id = id,
                                     .mode = options_.mode,
                                     .admitting = !left_alone};
      MELON_RETURN_IF_ERROR(admit_backend(at, container, demands));
    }
    if (container.privileged && !demands.empty())
      return fail(Code::kFailedPrecondition,
                  fmt::format("container {} is privileged: it would see every device whole",
                              container.name),
                  "drop privileged, or ask for no device");
    if (options_.hide_devices && !left_alone) hide_others(container, demands);
    return {};
  }

  Result<> admit_backend(const detail::Circumstances& at, ContainerSpec& container,
                         std::vector<Demand>& demands) {
    Demand demand;
    MELON_RETURN_IF_ERROR(read_annotations(at.backend, result_.pod.annotations, at.mode, demand));
    MELON_TRY(Amounts amounts, detail::read_amounts(container, at, catalogue_));
    MELON_TRY(auto resolved, detail::resolve(at, amounts, std::move(demand)));
    if (!resolved) return {};
    if (at.admitting) write(at, amounts, *resolved, container);
    demands.push_back(std::move(*resolved));
    return {};
  }

  void write(const detail::Circumstances& at, const Amounts& amounts, const Demand& demand,
             ContainerSpec& container) {
    write_amount(container, catalogue_, at.id, Resource::kCount, amounts.count);
    write_amount(container, catalogue_, at.id, Resource::kMemory, amounts.memory);
    write_amount(container, catalogue_, at.id, Resource::kMemoryPercentage, amounts.percentage);
    write_amount(container, catalogue_, at.id, Resource::kCompute, amounts.compute);
    write_amount(container, catalogue_, at.id, Resource::kPriority, amounts.priority);
    write_environment(at.backend.admission, demand, container);
    Annotations& annotations = result_.pod.annotations;
    if (!at.backend.selectors.qos.empty())
      annotations.emplace(at.backend.selectors.qos, word_of(Qos::kBestEffort));
    const CountRule& rule = at.backend.count;
    if (!rule.count_annotation.empty() && demand.count > 1)
      annotations[rule.count_annotation] = std::to_string(demand.count);
    if (!at.backend.admission.runtime_class.empty() && !result_.pod.runtime_class)
      result_.pod.runtime_class = at.backend.admission.runtime_class;
  }

  static void write_environment(const AdmissionRule& rule, const Demand& demand,
                                ContainerSpec& container) {
    if (demand.priority && !rule.priority_variable.empty())
      container.environment.emplace(rule.priority_variable, std::to_string(*demand.priority));
    for (const auto& entry : rule.environment) {
      std::string value = entry.second;
      if (value == "{container}") value = container.name;
      container.environment.emplace(entry.first, value);
    }
  }

  void hide_others(ContainerSpec& container, const std::vector<Demand>& demands) const {
    for (std::size_t i = 0; i < catalogue_.backends().size(); ++i) {
      const Backend& backend = catalogue_.backends()[i];
      const auto& hidden = backend.admission.hidden_environment;
      const bool asked = std::ranges::any_of(demands, [&](const Demand& demand) {
        return catalogue_.backend(demand.backend).admission.hidden_environment == hidden;
      });
      if (!asked) container.environment.insert(hidden.begin(), hidden.end());
    }
  }

  Result<Admission> finish() {
    if (!result_.has_devices) return std::move(result_);
    if (!result_.pod.node_name.empty())
      return fail(Code::kFailedPrecondition,
                  fmt::format("pod has node assigned: nodeName '{}' passes by the scheduler, which "
                              "gives out devices",
                              result_.pod.node_name),
                  "remove nodeName; use a nodeSelector");
    if (!options_.scheduler_name.empty()) result_.pod.scheduler_name = options_.scheduler_name;
    return std::move(result_);
  }

  const Catalogue& catalogue_;
  const AdmissionOptions& options_;
  Admission result_;
};

}  // namespace

Result<Admission> admit(const PodSpec& pod, const Catalogue& catalogue,
                        const AdmissionOptions& options) {
  if (pod.containers.empty())
    return fail(Code::kInvalidArgument, "pod has no containers", "add a container");
  return Admitting(pod, catalogue, options).run();
}

Result<Demands> demands_of(const PodSpec& pod, const Catalogue& catalogue, Compatibility mode) {
  Demands all;
  for (const ContainerSpec& container : pod.containers) {
    std::vector<Demand> demands;
    for (const BackendId id : named_backends(container, catalogue)) {
      const detail::Circumstances at{
          .backend = catalogue.backend(id), .id = id, .mode = mode, .admitting = false};
      Demand demand;
      MELON_RETURN_IF_ERROR(read_annotations(at.backend, pod.annotations, mode, demand));
      auto amounts = detail::read_amounts(container, at, catalogue);
      if (!amounts) return in_container(container, amounts.error());
      auto resolved = detail::resolve(at, *amounts, std::move(demand));
      if (!resolved) return in_container(container, resolved.error());
      if (*resolved) demands.push_back(std::move(**resolved));
    }
    all.push_back(std::move(demands));
  }
  return all;
}

}  // namespace melon::vendors
