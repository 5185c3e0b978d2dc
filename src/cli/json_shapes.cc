// SPDX-License-Identifier: Apache-2.0
// The one table of what `-o json` prints.
#include "cli/json_shapes.h"

#include <algorithm>
#include <array>

namespace melon::cli {
namespace {

constexpr std::array kOutputs = {
    JsonOutput{"melon up --detach", "Ready"},
    JsonOutput{"melon devices", "list of Device"},
    JsonOutput{"melon run --detach", "Grant"},
    JsonOutput{"melon run --dry-run", "Plan"},
    JsonOutput{"melon env", "Environment"},
    JsonOutput{"melon ps", "list of Grant"},
    JsonOutput{"melon top --once", "Screen"},
    JsonOutput{"melon set", "Grant"},
    JsonOutput{"melon suspend", "Grant"},
    JsonOutput{"melon resume", "Grant"},
    JsonOutput{"melon stop", "Grant"},
    JsonOutput{"melon wait", "Grant"},
    JsonOutput{"melon explain NAME", "Explanation"},
    JsonOutput{"melon explain -f --pod", "Answer"},
    JsonOutput{"melon explain -f --pod --gang", "Gang"},
    JsonOutput{"melon explain -f --place-all", "Placing"},
    JsonOutput{"melon explain --scenario", "list of Scenario"},
    JsonOutput{"melon capacity -f --pod", "Capacity"},
    JsonOutput{"melon capacity -f --defragment", "Moves"},
    JsonOutput{"melon events", "list of Event"},
    JsonOutput{"melon sim", "list of Replay"},
    JsonOutput{"melon vendors", "list of Vendor"},
    JsonOutput{"melon vendors list", "list of Vendor"},
    JsonOutput{"melon vendors show", "Vendor"},
    JsonOutput{"melon vendors check", "VendorCheck"},
    JsonOutput{"melon vendors admit", "Admission"},
    JsonOutput{"melon doctor", "list of Finding"},
    JsonOutput{"melon version", "Versions"},
};

constexpr std::array kReady = {JsonKey{"socket", "text", "where the daemon answers"}};
constexpr std::array kDevice = {
    JsonKey{"id", "text", "its name here, such as opencl-0"},
    JsonKey{"vendor", "text", "the vendor's id (melon vendors)"},
    JsonKey{"type", "text", "the model, as its driver calls it"},
    JsonKey{"index", "number", "its place among the vendor's devices"},
    JsonKey{"health", "text", "healthy, unhealthy, or held by another daemon"},
    JsonKey{"memory_mib", "number", "all of its memory"},
    JsonKey{"free_memory_mib", "number", "memory that no workload has booked"},
    JsonKey{"compute_permille", "number", "1000: the whole device"},
    JsonKey{"free_compute_permille", "number", "compute that no workload has booked"},
    JsonKey{
        "used_memory_mib", "number or null",
        "memory in use on it; by the workloads where its library does not tell of others (OpenCL)"},
    JsonKey{"utilization_permille", "number or null",
            "how busy it is; null: its library does not tell"},
    JsonKey{"grants", "list of text", "names of the workloads that hold a slice of it"},
    JsonKey{"unmanaged", "Unmanaged", "processes outside any grant's limits"},
    JsonKey{"health_reason", "text or null", "why it is not healthy"},
    JsonKey{"enforcement", "text", "shim: limits are kept; none: nothing keeps them"},
    JsonKey{"simulated", "true or false", "it is not real"},
    JsonKey{"is_cpu", "true or false", "its memory is the machine's own"},
    JsonKey{"compute_units", "number", "as its driver counts them"},
    JsonKey{"key", "text", "what knows it again after a restart"},
};
constexpr std::array kUnmanaged = {
    JsonKey{"processes", "number", "how many"},
    JsonKey{"used_memory_mib", "number or null",
            "of the device's memory; null: its library does not tell"},
    JsonKey{"resident_memory_mib", "number or null",
            "a CPU: of the machine's memory, the device's within it"},
};
constexpr std::array kGrant = {
    JsonKey{"name", "text", "as the user named it"},
    JsonKey{"id", "text", "unique for ever; names may be used again"},
    JsonKey{"state", "text",
            "queued, reserved, running, suspended; over: exited (status 0, or ended by melon stop, "
            "whatever the status), failed, lost (nobody saw how it ended)"},
    JsonKey{"owner", "text", "the user who started it"},
    JsonKey{"pids", "list of number or null", "its processes; null for others than owner and root"},
    JsonKey{"slices", "list of Slice", "one for each device"},
    JsonKey{"created", "text", "RFC 3339, UTC"},
    JsonKey{"exit_code", "number or null", "of its program, 128 + signal; null while it lives"},
    JsonKey{"owner_uid", "number", "the owner's user id"},
    JsonKey{"ended", "text or null", "RFC 3339, UTC; null while it lives"},
    JsonKey{"reason", "text or null", "why it waits, or how it ended"},
    JsonKey{"flags", "list of text", "what is wrong with it (docs/reference/security.md)"},
    JsonKey{"folder", "text or null",
            "its files; null for others than owner and root, and when it is over"},
    JsonKey{"arguments", "list of text or null",
            "the command line; null for others than owner and root"},
};
constexpr std::array kSlice = {
    JsonKey{"device", "text", "the device's id"},
    JsonKey{"memory_mib", "number", "the limit"},
    JsonKey{"compute_permille", "number", "what is booked; 0 for a weighted share"},
    JsonKey{"share", "text", "hard, weighted or burst"},
    JsonKey{"weight", "number", "beside other weighted workloads"},
    JsonKey{"priority", "text", "low, normal or high"},
    JsonKey{"used_memory_mib", "number or null",
            "memory really in use; null: not yet sampled, or over"},
    JsonKey{"used_compute_permille", "number or null",
            "device time really used; null: not yet sampled, or over"},
    JsonKey{"ceiling_permille", "number", "what it never exceeds"},
    JsonKey{"throttled_permille", "number or null",
            "part of the last seconds in which launches were held; null as above"},
};
constexpr std::array kPlan = {
    JsonKey{"placements", "list of PlannedSlice", "what would be granted, one for each device"}};
constexpr std::array kPlannedSlice = {
    JsonKey{"device", "text", "the device's id"},
    JsonKey{"memory_mib", "number", "the limit"},
    JsonKey{"compute_permille", "number", "what is booked; 0 for a weighted share"},
    JsonKey{"ceiling_permille", "number", "what it never exceeds"},
};
constexpr std::array kEnvironment = {
    JsonKey{"environment", "map of text", "variables to set, by name"},
    JsonKey{"mounts", "list of Mount", "files that a container must see"},
};
constexpr std::array kMount = {
    JsonKey{"source", "text", "here"},
    JsonKey{"target", "text", "in the container"},
    JsonKey{"read_only", "true or false", "the container writes nothing there"},
};
constexpr std::array kScreen = {
    JsonKey{"devices", "list of Device", "as of melon devices"},
    JsonKey{"grants", "list of Grant", "as of melon ps"},
};
constexpr std::array kExplanation = {
    JsonKey{"name", "text", "the workload's"},
    JsonKey{"state", "text", "as of melon ps"},
    JsonKey{"reason", "text", "why it is where it is, or waits"},
    JsonKey{"refusal", "Refusal, may be absent", "of one that waits: what is in the way"},
    JsonKey{"placements", "list of PlannedSlice", "where it is"},
};
constexpr std::array kRefusal = {
    JsonKey{"rejections", "list of Rejection", "every rule that is in the way"},
    JsonKey{"memory_that_fits_mib", "number or null", "with the compute that was asked for"},
    JsonKey{"compute_that_fits_permille", "number or null", "with the memory that was asked for"},
    JsonKey{"fits_only_together", "true or false", "neither amount alone would do"},
    JsonKey{"can_ever_fit", "true or false", "with no other workload on the devices"},
};
constexpr std::array kRejection = {
    JsonKey{"device", "text or null", "null: it concerns the request as a whole"},
    JsonKey{"rule", "text", "one word: memory, compute, ..."},
    JsonKey{"message", "text", "the rule with its numbers"},
};
constexpr std::array kAnswer = {
    JsonKey{"pod", "text", "NAMESPACE/NAME"},
    JsonKey{"placed", "true or false", "it has a place"},
    JsonKey{"refusal", "text, may be absent", "why it would not be admitted at all"},
    JsonKey{"remedy", "text, may be absent", "what mends the refusal"},
    JsonKey{"node", "text, may be absent", "where it would go"},
    JsonKey{"containers", "list of Container, may be absent", "those that get devices"},
    JsonKey{"annotations", "map of text, may be absent", "that would be written on the pod"},
    JsonKey{"reasons", "list of Reason, may be absent",
            "without a place: what keeps nodes away, most nodes first"},
    JsonKey{"nearest", "text, may be absent", "what would fit"},
    JsonKey{"preemption", "Preemption, may be absent", "of --preempt: whose end would make room"},
    JsonKey{"policy", "text, may be absent", "that chose"},
    JsonKey{"policy_reason", "text, may be absent", "why that one"},
    JsonKey{"not_evaluated", "list of text", "what decides, too, in a cluster"},
    JsonKey{"set_aside", "list of SetAside, may be absent",
            "of the cluster's files; absent in an answer that stands inside another object"},
};
constexpr std::array kContainer = {
    JsonKey{"name", "text", "the container's"},
    JsonKey{"devices", "list of ContainerDevice", "what it gets"},
    JsonKey{"environment", "map of text", "that the node would give it"},
};
constexpr std::array kContainerDevice = {
    JsonKey{"device", "text", "as its node registered it"},
    JsonKey{"backend", "text", "the vendor's word"},
    JsonKey{"type", "text", "the model, as the node registered it"},
    JsonKey{"memory_mib", "number", "memory of it"},
    JsonKey{"compute", "number", "compute of it, in the vendor's unit"},
};
constexpr std::array kReason = {
    JsonKey{"reason", "text", "one rule with its numbers"},
    JsonKey{"nodes", "number", "how many nodes it keeps away"},
    JsonKey{"example", "text", "one of them"},
};
constexpr std::array kPreemption = {
    JsonKey{"node", "text", "where it would go then"},
    JsonKey{"pods", "list of text", "those that would have to end, lowest priority first"},
    JsonKey{"highest_priority", "number", "among them"},
    JsonKey{"is_least", "true or false", "no smaller set would do"},
};
constexpr std::array kSetAside = {
    JsonKey{"object", "text", "an object of the files that was not understood"},
    JsonKey{"problem", "text", "what is wrong with it"},
    JsonKey{"remedy", "text", "what mends it"},
};
constexpr std::array kGang = {
    JsonKey{"placed", "true or false", "all start"},
    JsonKey{"asked", "number", "how many start together"},
    JsonKey{"fit", "number", "how many fit"},
    JsonKey{"nodes", "list of NodeFit", "where"},
    JsonKey{"next", "Answer, may be absent", "what blocks the first that does not fit"},
    JsonKey{"set_aside", "list of SetAside", "of the cluster's files"},
};
constexpr std::array kNodeFit = {
    JsonKey{"node", "text", "its name"},
    JsonKey{"fit", "number", "how many it takes"},
};
constexpr std::array kPlacing = {
    JsonKey{"placed", "number", "how many have a place"},
    JsonKey{"pods", "list of Answer", "each of them"},
    JsonKey{"set_aside", "list of SetAside", "of the cluster's files"},
};
constexpr std::array kScenario = {
    JsonKey{"file", "text", "as it was named"},  //
    JsonKey{"name", "text", "its title"},
    JsonKey{"pods", "number", "how many it asks about"},
    JsonKey{"holds", "true or false", "all came as expected"},
    JsonKey{"failures", "list of text", "what did not"},
};
constexpr std::array kCapacity = {
    JsonKey{"fit", "number", "how many more fit"},
    JsonKey{"at_least", "true or false", "more than were counted"},
    JsonKey{"nodes", "list of NodeFit", "where"},
    JsonKey{"next", "Answer", "what blocks the first that does not fit"},
    JsonKey{"set_aside", "list of SetAside", "of the cluster's files"},
};
constexpr std::array kMoves = {
    JsonKey{"free_before", "number", "devices on which nobody is"},
    JsonKey{"free_after", "number", "the same after the moves"},
    JsonKey{"moves", "list of Move", "in this order"},
    JsonKey{"kept", "list of Kept", "why pods on devices may not move"},
    JsonKey{"set_aside", "list of SetAside", "of the cluster's files"},
};
constexpr std::array kMove = {
    JsonKey{"pod", "text", "NAMESPACE/NAME"},
    JsonKey{"from", "MoveEnd", "where it ends"},
    JsonKey{"to", "MoveEnd", "where it starts anew"},
    JsonKey{"frees", "list of NodeDevice", "devices on which nobody is after it"},
};
constexpr std::array kMoveEnd = {
    JsonKey{"node", "text", "its name"},
    JsonKey{"devices", "list of text", "the pod's there"},
};
constexpr std::array kNodeDevice = {
    JsonKey{"node", "text", "its name"},
    JsonKey{"device", "text", "as its node registered it"},
};
constexpr std::array kKept = {
    JsonKey{"reason", "text", "why they stay"},
    JsonKey{"pods", "number", "how many"},
    JsonKey{"example", "text", "one of them"},
};
constexpr std::array kEvent = {
    JsonKey{"id", "number", "counts up"},
    JsonKey{"time", "text", "RFC 3339, UTC"},
    JsonKey{"kind", "text", "one of docs/reference/events.md"},
    JsonKey{"grant", "text or null", "the workload's name"},
    JsonKey{"message", "text", "what happened"},
};
constexpr std::array kReplay = {
    JsonKey{"policy", "text", "as it was named"},
    JsonKey{"mean", "Curve", "of the seeds"},
    JsonKey{"seeds", "list of Curve", "one for each"},
};
constexpr std::array kCurve = {
    JsonKey{"arrived", "number", "tasks"},
    JsonKey{"rejected", "number", "tasks that fitted nowhere"},
    JsonKey{"first_reject_percent", "number or null", "what had arrived by then; null: none was"},
    JsonKey{"levels", "list of Level", "by how much had arrived"},
    JsonKey{"seed", "number, may be absent", "of one seed's curve"},
};
constexpr std::array kLevel = {
    JsonKey{"arrived_percent", "number", "of the cluster's devices"},
    JsonKey{"allocated_percent", "number", "of the cluster's devices"},
    JsonKey{"fragmented_idle_percent", "number", "of what is idle"},
    JsonKey{"fragmented_cluster_percent", "number", "of the cluster's devices"},
};
constexpr std::array kVendor = {
    JsonKey{"id", "text", "names it in melon devices"},
    JsonKey{"title", "text", "for people"},
    JsonKey{"name", "text", "the same"},
    JsonKey{"enforcement", "text", "shim: limits are kept; none: nothing keeps them"},
    JsonKey{"discovery", "text", "how its devices are found"},
    JsonKey{"source", "text or null", "the file that it was read from; null: it is built in"},
};
constexpr std::array kVendorCheck = {
    JsonKey{"file", "text", "as it was named"},
    JsonKey{"id", "text", "the vendor's; empty: the file is HAMi's configuration"},
    JsonKey{"backends", "list of text", "the words of its backends"},
    JsonKey{"notes", "list of text", "what was left unread in it"},
};
constexpr std::array kAdmission = {
    JsonKey{"demands", "list of Demand", "what the container would ask for"},
    JsonKey{"limits", "map of text", "the container's, afterwards"},
    JsonKey{"environment", "map of text", "the container's, afterwards"},
    JsonKey{"annotations", "map of text", "the pod's, afterwards"},
};
constexpr std::array kDemand = {
    JsonKey{"backend", "text", "the vendor's word"},
    JsonKey{"count", "number", "devices"},
    JsonKey{"memory_mib", "number", "of each; 0: in percent, or all"},
    JsonKey{"memory_percent", "number", "of each; 0: in MiB, or all"},
    JsonKey{"compute", "number", "of each, in the vendor's unit"},
    JsonKey{"template", "text", "the vendor's template; empty: none"},
    JsonKey{"costs", "map of number", "what else it takes of each device"},
};
constexpr std::array kFinding = {
    JsonKey{"code", "text", "one of docs/reference/findings.md"},
    JsonKey{"severity", "text", "error, warning or info"},
    JsonKey{"message", "text", "what was found"},
    JsonKey{"meaning", "text", "what that means"},
    JsonKey{"remedy", "text", "what mends it"},
};
constexpr std::array kVersions = {
    JsonKey{"client", "Client", "this program"},
    JsonKey{"daemon", "Version or null", "null: none answers"},
};
constexpr std::array kClient = {JsonKey{"version", "text", "this program's"}};
constexpr std::array kVersion = {
    JsonKey{"version", "text", "the daemon's"},
    JsonKey{"api", "text", "the version of its REST contract"},
    JsonKey{"pid", "number", "its process"},
    JsonKey{"user", "text", "whose it is"},
    JsonKey{"state_folder", "text", "where its state is"},
    JsonKey{"preload_library", "text or null", "what programs preload; null: it was not found"},
};

}  // namespace

std::span<const JsonOutput> json_outputs() { return kOutputs; }

std::span<const JsonShape> json_shapes() {
  static constexpr std::array kShapes = {
      JsonShape{"Ready", "The daemon that came up.", kReady},
      JsonShape{"Device", "A device.", kDevice},
      JsonShape{"Unmanaged", "What processes outside any grant's limits hold of it.", kUnmanaged},
      JsonShape{"Grant", "A workload.", kGrant},
      JsonShape{"Slice", "What a workload has of a device.", kSlice},
      JsonShape{"Plan", "What a request would get.", kPlan},
      JsonShape{"PlannedSlice", "The same of one device.", kPlannedSlice},
      JsonShape{"Environment", "What a program needs to run inside a grant.", kEnvironment},
      JsonShape{"Mount", "A file or folder.", kMount},
      JsonShape{"Screen", "What melon top shows.", kScreen},
      JsonShape{"Explanation", "Why a workload is where it is.", kExplanation},
      JsonShape{"Refusal", "Why a request does not fit.", kRefusal},
      JsonShape{"Rejection", "One rule.", kRejection},
      JsonShape{"Answer", "What would become of a pod.", kAnswer},
      JsonShape{"Container", "A container with devices.", kContainer},
      JsonShape{"ContainerDevice", "What it gets of one.", kContainerDevice},
      JsonShape{"Reason", "What keeps nodes away.", kReason},
      JsonShape{"Preemption", "Pods whose end would make room.", kPreemption},
      JsonShape{"SetAside", "What was left out of the cluster.", kSetAside},
      JsonShape{"Gang", "Pods that start together or not at all.", kGang},
      JsonShape{"NodeFit", "A node.", kNodeFit},
      JsonShape{"Placing", "What would become of pods.", kPlacing},
      JsonShape{"Scenario", "A scenario that was played.", kScenario},
      JsonShape{"Capacity", "How many more of a pod fit.", kCapacity},
      JsonShape{"Moves", "Which moves free whole devices.", kMoves},
      JsonShape{"Move", "A running pod that moves.", kMove},
      JsonShape{"MoveEnd", "Either end of it.", kMoveEnd},
      JsonShape{"NodeDevice", "A device of a cluster.", kNodeDevice},
      JsonShape{"Kept", "Pods that stay.", kKept},
      JsonShape{"Event", "What happened.", kEvent},
      JsonShape{"Replay", "A trace, placed by one policy on a simulated cluster.", kReplay},
      JsonShape{"Curve", "How full and how fragmented the simulated cluster became.", kCurve},
      JsonShape{"Level", "One point of it.", kLevel},
      JsonShape{"Vendor",
                "A family of devices: these keys and those of its descriptor "
                "(docs/reference/vendor.schema.json), in no order.",
                kVendor},
      JsonShape{"VendorCheck", "A file that keeps the rules.", kVendorCheck},
      JsonShape{"Admission", "What became of a container's limits.", kAdmission},
      JsonShape{"Demand", "Devices of one vendor.", kDemand},
      JsonShape{"Finding", "What is wrong or missing.", kFinding},
      JsonShape{"Versions", "Of both sides.", kVersions},
      JsonShape{"Client", "This program.", kClient},
      JsonShape{"Version", "The daemon.", kVersion},
  };
  return kShapes;
}

std::span<const JsonKey> keys_of(std::string_view shape) {
  return std::ranges::find(json_shapes(), shape, &JsonShape::name)->keys;
}

}  // namespace melon::cli
