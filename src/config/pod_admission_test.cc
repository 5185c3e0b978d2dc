// SPDX-License-Identifier: Apache-2.0
// Admission of whole pods, quotas, selectors, and what is written when a pod is bound: rows of the
// contract and of each vendor, by their ids.
#include <gtest/gtest.h>

#include "config/admission_fixture.h"
#include "vendors/quota.h"
#include "vendors/template_text.h"

namespace melon::config {
namespace {

using vendors::AdmissionOptions;
using vendors::Compatibility;
using vendors::ContainerKind;
using vendors::Decision;
using vendors::PodSpec;

constexpr auto k29 = Compatibility::kHami29;
constexpr auto k210 = Compatibility::kHami210;
constexpr std::string_view kOneGpu = "nvidia.com/gpu=1 nvidia.com/gpumem=1000";

vendors::Admission admitted(const PodSpec& pod, const AdmissionOptions& options,
                            const vendors::Catalogue& catalogue = built_in()) {
  auto admission = vendors::admit(pod, catalogue, options);
  EXPECT_TRUE(admission) << admission.error().message;
  return admission ? *admission : vendors::Admission();
}

/// The built-in descriptors with one backend changed.
template <class Change>
vendors::Catalogue changed(std::string_view word, Change change) {
  auto descriptors = load_descriptors("").value();
  for (auto& descriptor : descriptors)
    for (auto& backend : descriptor.backends)
      if (backend.word == word) change(backend);
  return vendors::Catalogue(descriptors);
}

TEST(PodAdmission, EnvironmentAndRuntimeClass) {
  const auto with_priority =
      admitted(pod_of({"nvidia.com/gpu=1 nvidia.com/gpumem=1 nvidia.com/priority=1"}), {});
  EXPECT_EQ(words_of(with_priority.pod.containers[0].environment), "CUDA_TASK_PRIORITY=1") << "T26";
  const auto forced = changed("NVIDIA", [](vendors::Backend& backend) {
    backend.admission.environment["GPU_CORE_UTILIZATION_POLICY"] = "force";
    backend.admission.runtime_class = "nvidia";
  });
  const auto admission = admitted(pod_of({kOneGpu}), {}, forced);
  EXPECT_EQ(words_of(admission.pod.containers[0].environment), "GPU_CORE_UTILIZATION_POLICY=force")
      << "T27";
  EXPECT_EQ(admission.pod.runtime_class, "nvidia") << "T29";
  PodSpec own = pod_of({kOneGpu});
  own.runtime_class = "mine";
  EXPECT_EQ(admitted(own, {}, forced).pod.runtime_class, "mine") << "T29";
  EXPECT_EQ(admitted(pod_of({kOneGpu}), {}).pod.containers[0].environment.size(), 0U) << "T27";
  EXPECT_EQ(
      words_of(admitted(pod_of({"iluvatar.ai/BI-V150-vgpu=1"}), {}).pod.containers[0].environment),
      "SOL_CONTINER_NAME=c0")
      << "L1";
  const auto hidden = admitted(pod_of({"cpu=1"}), {.hide_devices = true});
  EXPECT_EQ(words_of(hidden.pod.containers[0].environment),
            "ASCEND_VISIBLE_DEVICES= NVIDIA_VISIBLE_DEVICES=none");
  const auto shown = admitted(pod_of({kOneGpu}), {.hide_devices = true});
  EXPECT_EQ(words_of(shown.pod.containers[0].environment), "ASCEND_VISIBLE_DEVICES=");
}

TEST(PodAdmission, NothingIsAddedWithoutADefaultCount) {
  const auto no_default =
      changed("NVIDIA", [](vendors::Backend& backend) { backend.count.inject = 0; });
  const auto admission = admitted(pod_of({"nvidia.com/gpumem=1000"}), {}, no_default);
  EXPECT_FALSE(admission.has_devices) << "T25";
  EXPECT_EQ(words_of(admission.pod.containers[0].limits), "nvidia.com/gpumem=1000") << "T25";
}

TEST(PodAdmission, Scheduler) {
  const AdmissionOptions options{.scheduler_name = "melon-scheduler"};
  EXPECT_EQ(admitted(pod_of({kOneGpu}), options).pod.scheduler_name, "melon-scheduler");
  EXPECT_EQ(admitted(pod_of({"cpu=1"}), options).pod.scheduler_name, "");
  EXPECT_EQ(admitted(pod_of({kOneGpu}), {}).pod.scheduler_name, "") << "T34";
  PodSpec assigned = pod_of({kOneGpu});
  assigned.node_name = "n1";
  const auto denied = vendors::admit(assigned, built_in(), options);
  ASSERT_FALSE(denied) << "T30";
  EXPECT_NE(denied.error().message.find("pod has node assigned"), std::string::npos) << "T30";
  PodSpec without = pod_of({"cpu=1"});
  without.node_name = "n1";
  EXPECT_EQ(admitted(without, options).pod, without) << "T30";
  PodSpec other = pod_of({kOneGpu});
  other.scheduler_name = "other";
  EXPECT_EQ(admitted(other, options).pod, other) << "T31";
  other.scheduler_name = "default-scheduler";
  EXPECT_EQ(admitted(other, options).pod.scheduler_name, "melon-scheduler") << "T31";
  AdmissionOptions keep = options;
  keep.replace_default_scheduler = false;
  EXPECT_EQ(admitted(other, keep).pod, other) << "T31";
  EXPECT_FALSE(vendors::admit({}, built_in(), options)) << "a pod without containers";
}

TEST(PodAdmission, PrivilegedContainers) {
  PodSpec pod = pod_of({kOneGpu});
  pod.containers[0].privileged = true;
  EXPECT_EQ(admitted(pod, {.mode = k29, .scheduler_name = "s"}).pod, pod) << "T33";
  const auto denied = vendors::admit(pod, built_in(), {.mode = k210});
  ASSERT_FALSE(denied) << "T33";
  EXPECT_NE(denied.error().message.find("container c0 is privileged"), std::string::npos) << "T33";
}

TEST(PodAdmission, SeveralContainersAndVendors) {
  const auto admission = admitted(
      pod_of({"nvidia.com/gpu=1 nvidia.com/gpumem=1000", "cpu=1", "huawei.com/Ascend910B3=1"}), {});
  EXPECT_EQ(describe(Result<vendors::Demands>(admission.demands)),
            "NVIDIA 1 x 1000 MiB 0; ; Ascend910B3 1 x 65536 MiB 0")
      << "T19, Z1";
  const auto both = admitted(pod_of({"nvidia.com/gpu=1 hygon.com/dcunum=1"}), {});
  EXPECT_EQ(both.demands[0].size(), 2U) << "one container may ask of two vendors";
  const auto refused =
      vendors::admit(pod_of({"cambricon.com/vmlu=1", "cambricon.com/vmlu=1"}), built_in(), {});
  EXPECT_FALSE(refused) << "one container of a pod";
  const auto metax = admitted(pod_of({"metax-tech.com/sgpu=1"}), {});
  EXPECT_EQ(words_of(metax.pod.annotations), "metax-tech.com/sgpu-qos-policy=best-effort")
      << "X1, T125";
  const auto mthreads = admitted(pod_of({"mthreads.com/vgpu=2"}), {});
  EXPECT_EQ(words_of(mthreads.pod.annotations), "mthreads.com/request-gpu-num=2") << "M4";
}

TEST(Demands, OfPodsThatWereNotAdmitted) {
  const auto of = [](std::string_view limits, Compatibility mode) {
    return describe(vendors::demands_of(pod_of({limits}), built_in(), mode));
  };
  EXPECT_EQ(of("nvidia.com/gpu=1", k210), "NVIDIA 1 x 100 % 0") << "T11";
  EXPECT_EQ(of("nvidia.com/gpu=1 nvidia.com/gpumem-percentage=50", k210), "NVIDIA 1 x 50 % 0")
      << "T14";
  for (const char* const percent : {"150", "101", "4294967346"})
    EXPECT_EQ(of(fmt::format("nvidia.com/gpu=1 nvidia.com/gpumem-percentage={}", percent), k210),
              "NVIDIA 1 x 100 % 0")
        << "T18: " << percent;
  for (const char* const percent : {"0", "-1"})
    EXPECT_EQ(of(fmt::format("nvidia.com/gpu=1 nvidia.com/gpumem-percentage={}", percent), k210),
              "NVIDIA 1 x 100 % 0")
        << "T18: " << percent;
  EXPECT_TRUE(of("nvidia.com/gpu=1 nvidia.com/gpumem=16Gi", k210).starts_with("refused")) << "T17";
  const auto with_default =
      changed("NVIDIA", [](vendors::Backend& backend) { backend.memory.default_mib = 512; });
  EXPECT_EQ(describe(vendors::demands_of(pod_of({"nvidia.com/gpu=1"}), with_default, k210)),
            "NVIDIA 1 x 512 MiB 0")
      << "T13";
  PodSpec requests = pod_of({""});
  requests.containers[0].requests = pairs("nvidia.com/gpu=1");
  EXPECT_EQ(describe(vendors::demands_of(requests, built_in(), k29)), "NVIDIA 1 x 100 % 0")
      << "T15";
  EXPECT_TRUE(vendors::demands_of({}, built_in(), k210)->empty()) << "T19";
}

vendors::Demand selecting(std::string_view word, std::string_view annotations, Compatibility mode) {
  vendors::Demand demand{.backend = *built_in().find(word)};
  EXPECT_TRUE(
      read_annotations(built_in().backend(demand.backend), pairs(annotations), mode, demand));
  return demand;
}

bool accepts(std::string_view word, std::string_view annotations, std::string_view type,
             Compatibility mode) {
  const auto demand = selecting(word, annotations, mode);
  return accepts_type(demand.selectors, built_in().backend(demand.backend), type, mode);
}

TEST(Selectors, TypesByWholeWordsOrAnyPart) {
  constexpr auto kOwn = Compatibility::kNone;
  EXPECT_TRUE(accepts("NVIDIA", "nvidia.com/use-gputype=A100", "NVIDIA A100-SXM4-40GB", kOwn));
  EXPECT_FALSE(accepts("NVIDIA", "nvidia.com/use-gputype=A10", "NVIDIA A100-SXM4-40GB", kOwn));
  EXPECT_TRUE(accepts("NVIDIA", "nvidia.com/use-gputype=A10", "NVIDIA A100-SXM4-40GB", k29))
      << "T71";
  EXPECT_FALSE(accepts("NVIDIA", "nvidia.com/nouse-gputype=p40", "Tesla P40", kOwn)) << "T71";
  EXPECT_TRUE(accepts("NVIDIA", "nvidia.com/use-gputype=NVIDIA-X1", "X1", kOwn)) << "prefix";
  EXPECT_FALSE(accepts("DCU", "hygon.com/use-dcutype=Z100", "DCU-Z100L", kOwn));
  EXPECT_TRUE(accepts("DCU", "hygon.com/use-dcutype=Z100", "DCU-Z100L", k210)) << "H6";
  EXPECT_FALSE(accepts("DCU", "hygon.com/nouse-dcutype=z100", "DCU-Z100L", k210)) << "H6";
  EXPECT_FALSE(accepts("AMDGPU", "amd.com/nouse-gputype=mi300", "AMD Instinct MI300X", k210))
      << "D8";
  EXPECT_TRUE(accepts("AMDGPU", "amd.com/nouse-gputype=mi300", "AMD Instinct MI210", k210)) << "D8";
  EXPECT_TRUE(accepts("NVIDIA", "nvidia.com/use-gputype=", "X", k210)) << "T71: empty list";
  EXPECT_FALSE(accepts("NVIDIA", "nvidia.com/nouse-gputype=", "X", k29)) << "2.9: empty list";
}

TEST(Selectors, UuidsModesAndNuma) {
  constexpr auto kOwn = Compatibility::kNone;
  using Texts = std::vector<std::string>;
  const auto iluvatar = selecting(
      "BI-V150", "hami.io/use-BI-V150-uuid=GPU-a,GPU-b hami.io/no-use-BI-V150-uuid=GPU-b", kOwn);
  EXPECT_EQ(iluvatar.selectors.use_uuids, (Texts{"GPU-a", "GPU-b"})) << "L6";
  EXPECT_EQ(iluvatar.selectors.no_use_uuids, Texts{"GPU-b"}) << "L6";
  EXPECT_TRUE(selecting("Biren", "birentech.com/use-gpuuuid=,", kOwn).selectors.use_uuids.empty());
  const auto kunlun = selecting("XPU", "baidu.com/use-gpuuuid=a hami.io/use-xpu-uuid=b", kOwn);
  EXPECT_EQ(kunlun.selectors.use_uuids, (Texts{"b", "a"})) << "every key of one kind counts";
  const auto mig = selecting("NVIDIA", "nvidia.com/vgpu-mode=mig", kOwn);
  EXPECT_FALSE(accepts_mode(mig.selectors, "hami-core", kOwn)) << "N11";
  EXPECT_TRUE(accepts_mode(selecting("NVIDIA", "", kOwn).selectors, "mig", kOwn)) << "N11";
  EXPECT_TRUE(accepts_mode(mig.selectors, "mi", k29)) << "2.9 looks for a part of the text";
  EXPECT_FALSE(accepts_mode(mig.selectors, "mi", kOwn));
  for (const char* const on : {"true", "1"})
    EXPECT_TRUE(
        selecting("NVIDIA", fmt::format("nvidia.com/numa-bind={}", on), kOwn).selectors.numa_bind)
        << "T73";
  for (const char* const off : {"false", "yes", ""})
    EXPECT_FALSE(
        selecting("NVIDIA", fmt::format("nvidia.com/numa-bind={}", off), kOwn).selectors.numa_bind)
        << "T73";
}

TEST(Split, IsReadAndBounded) {
  const auto split = selecting("NVIDIA", "melon.dev/split=4,100", Compatibility::kNone).split;
  EXPECT_EQ(split.most_pieces, 4);
  EXPECT_EQ(split.smallest, Permille(100));
  for (const std::string_view bad : {"0", "17", "2,1001", "two", "1,2,3", ""}) {
    vendors::Demand demand;
    EXPECT_FALSE(read_annotations(built_in().backend(0), {{"melon.dev/split", std::string(bad)}},
                                  Compatibility::kNone, demand))
        << bad;
  }
}

vendors::QuotaLimits quota(std::string_view hard, Compatibility mode = k210,
                           const vendors::Catalogue& catalogue = built_in()) {
  vendors::QuotaLimits limits;
  EXPECT_TRUE(read_quota(pairs(hard), catalogue, mode, limits));
  return limits;
}

vendors::QuotaAmounts peak(const PodSpec& pod, Compatibility mode = k210,
                           const vendors::Catalogue& catalogue = built_in()) {
  const auto demands = vendors::demands_of(pod, catalogue, mode);
  EXPECT_TRUE(demands) << demands.error().message;
  return peak_amounts(pod.containers, *demands, mode);
}

bool is_within(std::string_view hard, const PodSpec& pod,
               const vendors::Catalogue& catalogue = built_in()) {
  return check_quota(quota(hard, k210, catalogue), {}, peak(pod, k210, catalogue), catalogue)
      .has_value();
}

PodSpec gpu(std::int64_t memory) {
  return pod_of({fmt::format("nvidia.com/gpu=1 nvidia.com/gpumem={}", memory)});
}

TEST(Quota, ContractRows) {
  const auto limits =
      quota("limits.nvidia.com/gpumem=2000 requests.nvidia.com/gpumem=1 limits.cpu=1");
  EXPECT_EQ(limits.size(), 1U) << "T88";
  const auto used = peak(gpu(1000));
  EXPECT_TRUE(check_quota(limits, used, peak(gpu(100)), built_in())) << "T35";
  const auto denied = check_quota(limits, used, peak(gpu(1024)), built_in());
  ASSERT_FALSE(denied) << "T35";
  EXPECT_NE(denied.error().message.find("exceeding resource quota"), std::string::npos);
  PodSpec inits =
      pod_of({"nvidia.com/gpu=1 nvidia.com/gpumem=800", "nvidia.com/gpu=1 nvidia.com/gpumem=800",
              "nvidia.com/gpu=1 nvidia.com/gpumem=500"});
  inits.containers[0].kind = inits.containers[1].kind = ContainerKind::kInitial;
  EXPECT_TRUE(is_within("limits.nvidia.com/gpumem=1000", inits)) << "T37";
  EXPECT_EQ(peak(inits).at(*built_in().find("NVIDIA")).memory, MiB(800)) << "T37";
  inits.containers[0].limits["nvidia.com/gpumem"] = "1500";
  EXPECT_FALSE(is_within("limits.nvidia.com/gpumem=1000", inits)) << "T37";
  inits.containers[0].kind = ContainerKind::kSidecar;
  EXPECT_EQ(peak(inits).at(*built_in().find("NVIDIA")).memory, MiB(2300)) << "sidecar and init";

  const auto mlu = [](int units) {
    return pod_of({fmt::format("cambricon.com/vmlu=1 cambricon.com/mlu.smlu.vmemory={}", units)});
  };
  EXPECT_TRUE(is_within("limits.cambricon.com/mlu.smlu.vmemory=100", mlu(50))) << "T38";
  EXPECT_FALSE(is_within("limits.cambricon.com/mlu.smlu.vmemory=100", mlu(200))) << "T38";
  const auto factor_2 =
      changed("DCU", [](vendors::Backend& backend) { backend.memory.unit_mib = 2; });
  const auto dcu = [](int units) {
    return pod_of({fmt::format("hygon.com/dcunum=1 hygon.com/dcumem={}", units)});
  };
  EXPECT_TRUE(is_within("limits.hygon.com/dcumem=1000", dcu(800), factor_2)) << "T38";
  EXPECT_FALSE(is_within("limits.hygon.com/dcumem=1000", dcu(1200), factor_2)) << "T38";
}

TEST(Quota, ZeroAbsenceSeveralAndBack) {
  EXPECT_FALSE(is_within("limits.nvidia.com/gpumem=0", gpu(1))) << "T87";
  EXPECT_TRUE(is_within("", gpu(1))) << "T87";
  EXPECT_TRUE(quota("limits.nvidia.com/gpumem=0", k29).empty()) << "2.9";
  auto limits = quota("limits.nvidia.com/gpumem=5");
  EXPECT_TRUE(read_quota(pairs("limits.nvidia.com/gpumem=3"), built_in(), k210, limits));
  EXPECT_EQ(limits.begin()->second.memory, MiB(3)) << "the smallest of several";
  EXPECT_FALSE(read_quota(pairs("limits.nvidia.com/gpumem=x"), built_in(), k210, limits));
  auto used = peak(gpu(100));
  const auto before = used;
  vendors::add(used, peak(gpu(50)));
  vendors::take(used, peak(gpu(50)));
  EXPECT_EQ(used, before) << "T89";
  vendors::take(used, peak(gpu(5000)));
  EXPECT_EQ(used.begin()->second.memory, MiB(0)) << "T89: never negative";
}

}  // namespace
}  // namespace melon::config
