// SPDX-License-Identifier: Apache-2.0
// The tables of fields of descriptors, continued: what nodes and pods say, and whole descriptors.
#include <array>

#include "config/detail/descriptor_fields.h"

namespace melon::config::detail {

using namespace vendors;  // NOLINT(google-build-using-namespace): every name below is from there

template <>
std::span<const Field<Registration>> fields_of() {
  using R = Registration;
  static constexpr std::array kFields = {
      field<&R::format>("format", "How the node's devices are written.", Presence::kRequired),
      field<&R::annotation>("annotation", "Of the node; none for format capacity."),
      field<&R::devices_from>("devices_from", "Capacity: which resource counts devices."),
      field<&R::per_device>("per_device", "Capacity: units of it that make one device."),
      field<&R::memory_from>("memory_from", "Capacity: shared evenly by the devices."),
      field<&R::memory_mib>("memory_mib", "Capacity: of each device, without memory_from."),
      field<&R::compute>("compute", "Capacity: of each device."),
      field<&R::slots>("slots", "Capacity: of each device."),
      field<&R::slots_from>("slots_from", "Capacity: divided by the devices, instead of slots."),
      field<&R::most_slots>("most_slots", "Capacity: bounds slots_from in compatibility mode."),
      field<&R::devices_resource>("devices_resource", "Capacity: a resource that counts devices."),
      field<&R::slots_resource>("slots_resource",
                                "Capacity: a resource that, divided by the devices, is slots."),
      field<&R::upper_half_is_numa_1>("upper_half_is_numa_1", "Capacity: two NUMA nodes."),
      field<&R::id>("id", "Of each device, with {node} and {i}, where the node tells none.")};
  return kFields;
}

template <>
std::span<const Field<Liveness>> fields_of() {
  static constexpr std::array kFields = {
      field<&Liveness::kind>("kind", "How devices are known to be there.", Presence::kRequired),
      field<&Liveness::annotation>("annotation", "Of the node, for handshakes."),
      field<&Liveness::historic>("historic", "Older keys of it.")};
  return kFields;
}

template <>
std::span<const Field<AnnotationKeys>> fields_of() {
  using A = AnnotationKeys;
  static constexpr std::array kFields = {
      field<&A::to_allocate>("to_allocate", "Consumed by the device plugin."),
      field<&A::allocated>("allocated", "Permanent; usage is rebuilt from it."),
      field<&A::historic>("historic", "Older keys of allocated."),
      field<&A::type_field>("type_field", "What stands in the type field.")};
  return kFields;
}

template <>
std::span<const Field<Lock>> fields_of() {
  static constexpr std::array kFields = {
      field<&Lock::kind>("kind", "What a compatible node plugin holds.", Presence::kRequired),
      field<&Lock::annotation>("annotation", "Of the node."),
      field<&Lock::expires_seconds>("expires_seconds", "Then it is taken over.")};
  return kFields;
}

template <>
std::span<const Field<SelectorKeys>> fields_of() {
  using S = SelectorKeys;
  static constexpr std::array kFields = {
      field<&S::use_type>("use_type", "Pod: types that are accepted."),
      field<&S::no_use_type>("no_use_type", "Pod: types that are refused."),
      field<&S::use_uuid>("use_uuid", "Pod: devices that are accepted."),
      field<&S::no_use_uuid>("no_use_uuid", "Pod: devices that are refused."),
      field<&S::numa_bind>("numa_bind", "Pod: all devices on one NUMA node."),
      field<&S::mode>("mode", "Pod: modes of devices that are accepted."),
      field<&S::qos>("qos", "Pod: class of service."),
      field<&S::app_class>("app_class", "Pod: online or offline."),
      field<&S::topology>("topology", "Pod: devices of one link zone."),
      field<&S::type_prefixes>("type_prefixes", "Of types, that selectors may leave out.")};
  return kFields;
}

template <>
std::span<const Field<Picker>> fields_of() {
  using P = Picker;
  static constexpr std::array kFields = {
      field<&P::kind>("kind", "How several devices are chosen together.", Presence::kRequired),
      field<&P::attribute>("attribute", "Of a device, for groups and zones."),
      field<&P::counts>("counts", "For aligned_run."),
      field<&P::wing_size>("wing_size", "For wings."),
      field<&P::quads>("quads", "For wings."),
      field<&P::ring_label>("ring_label", "For aligned_run: this label of a node ..."),
      field<&P::ring_value>("ring_value", "... that contains this makes it ring_run."),
      field<&P::scores_annotation>("scores_annotation", "For link_matrix: of the node.")};
  return kFields;
}

template <>
std::span<const Field<NodeScore>> fields_of() {
  using N = NodeScore;
  static constexpr std::array kFields = {
      field<&N::kind>("kind", "What is added to a node's score.", Presence::kRequired),
      field<&N::weight>("weight", "Multiplies it."),
      field<&N::binpack_annotation>("binpack_annotation", "For annotation_table."),
      field<&N::spread_annotation>("spread_annotation", "For annotation_table.")};
  return kFields;
}

template <>
std::span<const Field<NodeSettings>> fields_of() {
  using N = NodeSettings;
  static constexpr std::array kFields = {
      field<&N::node>("node", "Its name; without it, nodes that have no settings of their own."),
      field<&N::mode>("mode", "Of devices whose registration does not tell theirs."),
      field<&N::hidden_uuids>("hidden_uuids", "Devices that are not offered."),
      field<&N::hidden_indices>("hidden_indices", "The same by their positions on the node."),
      field<&N::environment>("environment",
                             "Of containers, but on devices that are cut in hardware.")};
  return kFields;
}

template <>
std::span<const Field<Backend>> fields_of() {
  using B = Backend;
  static constexpr std::array kFields = {
      field<&B::word>("word", "In annotations; the exact type of a device.", Presence::kRequired),
      field<&B::resources>("resources", "Names in resource lists.", Presence::kRequired),
      field<&B::aliases>("aliases", "Historic names."),
      field<&B::memory>("memory", "How memory is asked for and rounded."),
      field<&B::compute>("compute", "How compute is asked for."),
      field<&B::count>("count", "What counts are possible, and what they become."),
      field<&B::admission>("admission", "What admission writes into containers."),
      field<&B::soft_mode>("soft_mode", "Slicing by software, where pods and nodes say so."),
      field<&B::dimensions>("dimensions", "Further capacities of one device."),
      field<&B::partitions>("partitions", "How models can be cut in hardware."),
      field<&B::registrations>("registrations", "Where devices are announced; the first counts."),
      field<&B::liveness>("liveness", "When devices are gone."),
      field<&B::keys>("keys", "Annotations of pods that hold their devices."),
      field<&B::selectors>("selectors", "Annotations of pods that constrain devices."),
      field<&B::lock>("lock", "Serialises binding for compatible node plugins."),
      field<&B::picker>("picker", "How several devices are chosen."),
      field<&B::device_rules>("device_rules", "Further conditions on one device."),
      field<&B::node_score>("node_score", "What is added to a node's score."),
      field<&B::fixed_annotations>("fixed_annotations", "Written on pods when they are bound."),
      field<&B::environment>("environment", "Of the container on its node."),
      field<&B::mode_environment>("mode_environment",
                                  "By the mode of the devices, instead of environment."),
      field<&B::nodes>("nodes", "What an administrator has set on single nodes.")};
  return kFields;
}

template <>
std::span<const Field<Descriptor>> fields_of() {
  using D = Descriptor;
  static constexpr std::array kFields = {
      field<&D::id>("id", "What people type: a-z, 0-9 and -.", Presence::kRequired),
      field<&D::title>("title", "What people call it.", Presence::kRequired),
      field<&D::discovery>("discovery", "How devices of this machine are found.",
                           Presence::kRequired),
      field<&D::libraries>("libraries", "What discovery loads: the first that is there."),
      field<&D::kinds>("kinds", "Which of the devices found are taken."),
      field<&D::enforcement>("enforcement", "Who keeps limits on this machine.",
                             Presence::kRequired),
      field<&D::process_libraries>("process_libraries",
                                   "Files that a process on such a device has mapped."),
      field<&D::device_nodes>("device_nodes", "Patterns of paths below /dev."),
      field<&D::environment>("environment", "For a grant's processes on this machine."),
      field<&D::backends>("backends", "The ways of offering devices to a cluster.")};
  return kFields;
}

}  // namespace melon::config::detail
