// SPDX-License-Identifier: Apache-2.0
// The tables of fields of vendor descriptors: the loader and the JSON schema read them.
#include "config/detail/descriptor_fields.h"

#include <array>

namespace melon::config::detail {

using namespace vendors;  // NOLINT(google-build-using-namespace): every name below is from there

template <>
std::span<const Field<ResourceNames>> fields_of() {
  using R = ResourceNames;
  static constexpr std::array kFields = {
      field<&R::count>("count", "How many devices."),
      field<&R::memory>("memory", "Memory of each device, in memory.unit_mib."),
      field<&R::memory_percentage>("memory_percentage", "Memory of each device, in percent of it."),
      field<&R::compute>("compute", "Compute of each device, in compute.unit."),
      field<&R::priority>("priority", "Priority of the tasks.")};
  return kFields;
}

template <>
std::span<const Field<Alias>> fields_of() {
  static constexpr std::array kFields = {
      field<&Alias::name>("name", "The historic resource name.", Presence::kRequired),
      field<&Alias::stands_for>("stands_for", "Which resource it asks for.", Presence::kRequired),
      field<&Alias::unit_mib>("unit_mib", "Its unit where that differs, for memory.")};
  return kFields;
}

template <>
std::span<const Field<Template>> fields_of() {
  static constexpr std::array kFields = {
      field<&Template::name>("name", "What the driver calls it.", Presence::kRequired),
      field<&Template::memory>("memory", "MiB.", Presence::kRequired),
      field<&Template::cost>("cost", "What it takes of each dimension.")};
  return kFields;
}

template <>
std::span<const Field<MemoryRule>> fields_of() {
  using M = MemoryRule;
  static constexpr std::array kFields = {
      field<&M::unit_mib>("unit_mib", "What 1 means in a resource list."),
      field<&M::suffix_means_bytes>("suffix_means_bytes",
                                    "A number with a suffix is bytes, a bare one units."),
      field<&M::ambiguous_above>("ambiguous_above",
                                 "Compatible readers take larger bare numbers for MiB; others "
                                 "refuse bare numbers."),
      field<&M::default_percent>("default_percent", "Of a device, when no memory is asked for."),
      field<&M::default_mib>("default_mib", "Instead of default_percent, when not 0."),
      field<&M::total_of_devices>("total_of_devices",
                                  "The amount is the sum over a container's devices."),
      field<&M::rounding>("rounding", "How an amount becomes one that can be sliced."),
      field<&M::templates>("templates", "For rounding template: smallest first."),
      field<&M::whole>("whole", "For rounding template: MiB that a whole device offers."),
      field<&M::capacity>("capacity", "For rounding template: the most MiB that means whole."),
      field<&M::tiers_mib>("tiers_mib", "For rounding tier: smallest first."),
      field<&M::overflow>("overflow", "For rounding tier: above the largest."),
      field<&M::legal_units>("legal_units", "For rounding legal: the only amounts, in units.")};
  return kFields;
}

template <>
std::span<const Field<ComputeRule>> fields_of() {
  using C = ComputeRule;
  static constexpr std::array kFields = {
      field<&C::unit>("unit", "What a number of compute counts."),
      field<&C::units_per_device>("units_per_device", "What a whole device has."),
      field<&C::default_units>("default_units", "When no compute is asked for."),
      field<&C::without_memory>("without_memory", "Instead, when no memory is asked for either."),
      field<&C::from_memory>("from_memory", "Follows memory: its share of units_per_device."),
      field<&C::strict_range>("strict_range", "Outside 1 to units_per_device is refused."),
      field<&C::total_of_devices>("total_of_devices",
                                  "The amount is the sum over a container's devices."),
      field<&C::only_in_soft_mode>("only_in_soft_mode", "Elsewhere asking for it is refused.")};
  return kFields;
}

template <>
std::span<const Field<CountRule>> fields_of() {
  using C = CountRule;
  static constexpr std::array kFields = {
      field<&C::inject>("inject", "The count when only other resources are asked for; 0: none."),
      field<&C::positive>("positive", "0 is refused."),
      field<&C::allowed>("allowed", "The only counts."),
      field<&C::pairs>("pairs", "1 becomes 2; other odd counts are refused."),
      field<&C::several_slices>("several_slices", "Several devices with part of each."),
      field<&C::several_are_whole>("several_are_whole",
                                   "Several devices are whole ones, written into the limits."),
      field<&C::several_set_compute>("several_set_compute",
                                     "Several devices have all their compute, written as a sum."),
      field<&C::whole_memory_units>("whole_memory_units",
                                    "For several_are_whole: memory of one device, in units."),
      field<&C::count_annotation>("count_annotation",
                                  "For several_are_whole: the pod's annotation of the count."),
      field<&C::from_compute>("from_compute",
                              "Compute alone asks for as many devices as it takes."),
      field<&C::is_slice_size>("is_slice_size", "The number is the size of one slice."),
      field<&C::one_container>("one_container", "At most one container of a pod may ask.")};
  return kFields;
}

template <>
std::span<const Field<SoftMode>> fields_of() {
  static constexpr std::array kFields = {
      field<&SoftMode::annotation>("annotation", "Of the pod."),
      field<&SoftMode::value>("value", "Asks for the mode."),
      field<&SoftMode::node_annotation>("node_annotation", "\"true\" on nodes that offer it.")};
  return kFields;
}

template <>
std::span<const Field<PartitionProfile>> fields_of() {
  using P = PartitionProfile;
  static constexpr std::array kFields = {
      field<&P::name>("name", "What the driver calls it.", Presence::kRequired),
      field<&P::memory>("memory", "MiB.", Presence::kRequired),
      field<&P::compute_units>("compute_units", "Of the table's compute_units."),
      field<&P::slices>("slices", "Compute slices that it takes."),
      field<&P::size>("size", "Places that it covers."),
      field<&P::starts>("starts", "Places where it may begin."),
      field<&P::most>("most", "Instances on one device; 0: as many as fit.")};
  return kFields;
}

template <>
std::span<const Field<PartitionTable>> fields_of() {
  using P = PartitionTable;
  static constexpr std::array kFields = {
      field<&P::models>("models", "Words of the device's type.", Presence::kRequired),
      field<&P::compute_units>("compute_units", "Of the whole device."),
      field<&P::profiles>("profiles", "Smallest first.", Presence::kRequired)};
  return kFields;
}

template <>
std::span<const Field<AdmissionRule>> fields_of() {
  using A = AdmissionRule;
  static constexpr std::array kFields = {
      field<&A::whole_is_exclusive>("whole_is_exclusive",
                                    "A whole device's memory without compute takes all compute."),
      field<&A::priority_variable>("priority_variable", "Environment that receives priority."),
      field<&A::environment>("environment", "For containers that ask."),
      field<&A::hidden_environment>("hidden_environment", "For containers that do not ask."),
      field<&A::runtime_class>("runtime_class", "For pods that ask and name none.")};
  return kFields;
}

}  // namespace melon::config::detail
