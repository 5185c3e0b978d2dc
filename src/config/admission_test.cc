// SPDX-License-Identifier: Apache-2.0
// Admission with the built-in descriptors: the acceptance rows of each vendor, by their ids.
#include <gtest/gtest.h>

#include "config/admission_fixture.h"

namespace melon::config {
namespace {

using vendors::Compatibility;

constexpr auto kOwn = Compatibility::kNone;
constexpr auto k29 = Compatibility::kHami29;
constexpr auto k210 = Compatibility::kHami210;

struct Case {
  std::string_view id;
  std::string_view limits;
  std::string_view demands;        // or "refused"
  std::string_view written = "=";  // limits afterwards; "=": as they were, "": not looked at
  std::string_view annotations = {};
  Compatibility mode = kOwn;
};

void expect_case(const Case& one) {
  SCOPED_TRACE(std::string(one.id));
  const vendors::PodSpec pod = pod_of({one.limits}, one.annotations);
  const auto admission = vendors::admit(pod, built_in(), {.mode = one.mode});
  if (one.demands == "refused") {
    ASSERT_FALSE(admission) << describe(admission->demands);
    EXPECT_FALSE(admission.error().remedy.empty());
    EXPECT_NE(admission.error().message.find("container 'c0': "), std::string::npos)
        << admission.error().message;
    return;
  }
  ASSERT_TRUE(admission) << admission.error().message;
  EXPECT_EQ(describe(admission->demands), one.demands);
  const auto& limits = admission->pod.containers.front().limits;
  if (!one.written.empty()) {
    EXPECT_EQ(limits, pairs(one.written == "=" ? one.limits : one.written));
  }
  // Z8: a second time changes nothing.
  const auto again = vendors::admit(admission->pod, built_in(), {.mode = one.mode});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->pod, admission->pod);
  EXPECT_EQ(again->demands, admission->demands);
}

template <std::size_t kCount>
void expect_cases(const Case (&cases)[kCount]) {
  for (const Case& one : cases) expect_case(one);
}

TEST(Admission, Nvidia) {
  constexpr Case kCases[] = {
      {"N1", "nvidia.com/gpu=1 nvidia.com/gpumem=3000 nvidia.com/gpucores=30",
       "NVIDIA 1 x 3000 MiB 30"},
      {"N2", "nvidia.com/gpumem-percentage=50", "NVIDIA 1 x 50 % 0",
       "nvidia.com/gpu=1 nvidia.com/gpumem-percentage=50"},
      {"N4", "nvidia.com/gpu=1", "NVIDIA 1 x 100 % 100",
       "nvidia.com/gpu=1 nvidia.com/gpucores=100"},
      {"N4 percentage", "nvidia.com/gpu=1 nvidia.com/gpumem-percentage=100", "NVIDIA 1 x 100 % 100",
       "nvidia.com/gpu=1 nvidia.com/gpumem-percentage=100 nvidia.com/gpucores=100"},
      {"N5", "nvidia.com/gpumem-percentage=101", "refused"},
      {"N5 2.10", "nvidia.com/gpumem-percentage=101", "refused", "", "", k210},
      {"N5 zero", "nvidia.com/gpu=1 nvidia.com/gpumem-percentage=0", "NVIDIA 1 x 100 % 100",
       "nvidia.com/gpu=1 nvidia.com/gpumem-percentage=0 nvidia.com/gpucores=100"},
      {"T25", "nvidia.com/gpumem=1000", "NVIDIA 1 x 1000 MiB 0",
       "nvidia.com/gpu=1 nvidia.com/gpumem=1000"},
      {"T17", "nvidia.com/gpu=1 nvidia.com/gpumem=16Gi", "refused", "", "", k210},
      {"T17 point", "nvidia.com/gpu=1 nvidia.com/gpumem=16.0Gi", "refused", "", "", k210},
      {"T17 2.9", "nvidia.com/gpu=1 nvidia.com/gpumem=16Gi", "NVIDIA 1 x 100 % 100", "", "", k29},
      {"decimal suffix", "nvidia.com/gpu=1 nvidia.com/gpumem=8k", "NVIDIA 1 x 8000 MiB 0",
       "nvidia.com/gpu=1 nvidia.com/gpumem=8000"},
      {"volcano", "volcano.sh/vgpu-number=2 volcano.sh/vgpu-memory=100", "NVIDIA 2 x 100 MiB 0",
       "nvidia.com/gpu=2 nvidia.com/gpumem=100"},
      {"two names agree", "nvidia.com/gpu=2 volcano.sh/vgpu-number=2 nvidia.com/gpumem=1",
       "NVIDIA 2 x 1 MiB 0", "nvidia.com/gpu=2 nvidia.com/gpumem=1"},
      {"two names differ", "nvidia.com/gpu=1 volcano.sh/vgpu-number=2", "refused"},
      {"priority", "nvidia.com/gpu=1 nvidia.com/gpumem=1 nvidia.com/priority=2", "refused"},
      {"none", "nvidia.com/gpu=0", ""},
      {"fraction", "nvidia.com/gpu=1500m", "refused"},
      {"negative", "nvidia.com/gpu=-1", "refused"},
      {"negative memory", "nvidia.com/gpu=1 nvidia.com/gpumem=-5", "refused"},
      {"no quantity", "nvidia.com/gpu=one", "refused"},
      {"beyond 64 bits", "nvidia.com/gpu=9223372036854775808", "refused"},
      {"all of 64 bits", "nvidia.com/gpu=1 nvidia.com/gpumem=9223372036854775807", "refused"},
  };
  expect_cases(kCases);
}

TEST(Admission, Ascend) {
  constexpr Case kCases[] = {
      {"A1", "huawei.com/Ascend910B3=1 huawei.com/Ascend910B3-memory=20000",
       "Ascend910B3 1 x 32768 MiB 0 vir10_3c_32g aicore=10 aicpu=3 instances=1",
       "huawei.com/Ascend910B3=1 huawei.com/Ascend910B3-memory=32768"},
      {"A2", "huawei.com/Ascend910B4=2 huawei.com/Ascend910B4-memory=8192", "refused"},
      {"A2 whole", "huawei.com/Ascend910B4=2", "Ascend910B4 2 x 32768 MiB 0",
       "huawei.com/Ascend910B4=2 huawei.com/Ascend910B4-memory=32768"},
      {"A3 12289", "huawei.com/Ascend310P=1 huawei.com/Ascend310P-memory=12289",
       "Ascend310P 1 x 21527 MiB 0", "huawei.com/Ascend310P=1 huawei.com/Ascend310P-memory=21527"},
      {"A3 21527", "huawei.com/Ascend310P=1 huawei.com/Ascend310P-memory=21527",
       "Ascend310P 1 x 21527 MiB 0"},
      {"A3 24576", "huawei.com/Ascend310P=1 huawei.com/Ascend310P-memory=24576",
       "Ascend310P 1 x 21527 MiB 0", "huawei.com/Ascend310P=1 huawei.com/Ascend310P-memory=21527"},
      {"A3 24577", "huawei.com/Ascend310P=1 huawei.com/Ascend310P-memory=24577", "refused"},
      {"A4", "huawei.com/Ascend910B2=1 huawei.com/Ascend910B2-memory=8192",
       "Ascend910B2 1 x 8192 MiB 0 vir03_1c_8g aicore=3 aicpu=1 instances=1"},
      {"A5", "huawei.com/Ascend910C=1", "Ascend910C 2 x 65536 MiB 0",
       "huawei.com/Ascend910C=2 huawei.com/Ascend910C-memory=65536"},
      {"A5 odd", "huawei.com/Ascend910C=3", "refused"},
      {"A5 half", "huawei.com/Ascend910C=1 huawei.com/Ascend910C-memory=16384", "refused"},
      {"A7",
       "huawei.com/Ascend910B3=1 huawei.com/Ascend910B3-memory=10000 "
       "huawei.com/Ascend910B3-core=30",
       "Ascend910B3 1 x 10000 MiB 30 soft", "=", "huawei.com/vnpu-mode=hami-core"},
      {"A8",
       "huawei.com/Ascend910B3=1 huawei.com/Ascend910B3-memory=16384 "
       "huawei.com/Ascend910B3-core=25",
       "refused"},
      {"historic", "huawei.com/Ascend910B=1 huawei.com/Ascend910B-memory=16384",
       "Ascend910B3 1 x 16384 MiB 0 vir05_1c_16g aicore=5 aicpu=1 instances=1",
       "huawei.com/Ascend910B3=1 huawei.com/Ascend910B3-memory=16384"},
      {"Z2", "huawei.com/Ascend910B4-1=1", "Ascend910B4-1 1 x 65536 MiB 0", ""},
      {"Z7", "huawei.com/Ascend910B3=1 huawei.com/Ascend910B3-memory=16Gi", "refused"},
  };
  expect_cases(kCases);
}

TEST(Admission, CambriconHygonIluvatar) {
  constexpr Case kCases[] = {
      {"C1",
       "cambricon.com/vmlu=1 cambricon.com/mlu.smlu.vmemory=20 cambricon.com/mlu.smlu.vcore=30",
       "MLU 1 x 5120 MiB 30"},
      {"C2", "cambricon.com/vmlu=1", "MLU 1 x 100 % 100"},
      {"C5", "cambricon.com/vmlu=1 cambricon.com/mlu.smlu.vmemory=97", "MLU 1 x 24832 MiB 100"},
      {"C6", "cambricon.com/vmlu=2 cambricon.com/mlu.smlu.vmemory=20", "refused"},
      {"C6 2.9", "cambricon.com/vmlu=2 cambricon.com/mlu.smlu.vmemory=20", "MLU 2 x 5120 MiB 100",
       "=", "", k29},
      {"C6 whole", "cambricon.com/vmlu=2", "MLU 2 x 100 % 100"},
      {"C8", "cambricon.com/mlunum=1 cambricon.com/mlumem=2048", "MLU 1 x 2048 MiB 100",
       "cambricon.com/vmlu=1 cambricon.com/mlu.smlu.vmemory=8", "", k29},
      {"H1", "hygon.com/dcunum=1 hygon.com/dcumem=2000 hygon.com/dcucores=60",
       "DCU 1 x 2000 MiB 60"},
      {"H3", "hygon.com/dcunum=1 hygon.com/dcumem=1000", "DCU 1 x 1000 MiB 100"},
      {"H4", "hygon.com/dcunum=1 hygon.com/dcucores=50", "DCU 1 x 100 % 50"},
      {"H5", "hygon.com/dcunum=2 hygon.com/dcumem=2000", "refused"},
      {"H5 2.10", "hygon.com/dcunum=2 hygon.com/dcumem=2000", "DCU 2 x 2000 MiB 100", "=", "",
       k210},
      {"L1", "iluvatar.ai/BI-V150-vgpu=1 iluvatar.ai/BI-V150.vMem=64 iluvatar.ai/BI-V150.vCore=50",
       "BI-V150 1 x 16384 MiB 50"},
      {"L2", "iluvatar.ai/BI-V150-vgpu=1", "BI-V150 1 x 100 % 0"},
      {"L3", "iluvatar.ai/BI-V150-vgpu=2", "BI-V150 2 x 100 % 100",
       "iluvatar.ai/BI-V150-vgpu=2 iluvatar.ai/BI-V150.vCore=200"},
      {"L4", "iluvatar.ai/BI-V150-vgpu=1 iluvatar.ai/BI-V150.vMem=129", "BI-V150 1 x 33024 MiB 0"},
      {"L5", "iluvatar.ai/vgpu=1 iluvatar.ai/vcuda-memory=64 iluvatar.ai/vcuda-core=50",
       "Iluvatar 1 x 16384 MiB 50"},
  };
  expect_cases(kCases);
}

TEST(Admission, MooreThreadsMetax) {
  constexpr Case kCases[] = {
      {"M1", "mthreads.com/vgpu=1 mthreads.com/sgpu-memory=32 mthreads.com/sgpu-core=8",
       "Mthreads 1 x 16384 MiB 8"},
      {"M2", "mthreads.com/vgpu=1", "Mthreads 1 x 49152 MiB 16",
       "mthreads.com/vgpu=1 mthreads.com/sgpu-memory=96 mthreads.com/sgpu-core=16"},
      {"M3", "mthreads.com/vgpu=1 mthreads.com/sgpu-memory=12", "refused"},
      {"M4", "mthreads.com/vgpu=2", "Mthreads 2 x 49152 MiB 16",
       "mthreads.com/vgpu=2 mthreads.com/sgpu-memory=192 mthreads.com/sgpu-core=32"},
      {"M5", "mthreads.com/vgpu=0", "refused"},
      {"M7", "mthreads.com/vgpu=1 mthreads.com/sgpu-memory=64", "Mthreads 1 x 32768 MiB 0"},
      {"T124 3", "mthreads.com/vgpu=1 mthreads.com/sgpu-memory=3", "refused"},
      {"T124 2", "mthreads.com/vgpu=1 mthreads.com/sgpu-memory=2", "Mthreads 1 x 1024 MiB 0"},
      {"X1", "metax-tech.com/sgpu=1 metax-tech.com/vcore=60 metax-tech.com/vmemory=4",
       "Metax-SGPU 1 x 4096 MiB 60 best-effort"},
      {"X2 500Mi", "metax-tech.com/sgpu=1 metax-tech.com/vmemory=500Mi",
       "Metax-SGPU 1 x 500 MiB 100 best-effort"},
      {"X2 1Gi", "metax-tech.com/sgpu=1 metax-tech.com/vmemory=1Gi",
       "Metax-SGPU 1 x 1024 MiB 100 best-effort"},
      {"X2 1G", "metax-tech.com/sgpu=1 metax-tech.com/vmemory=1G",
       "Metax-SGPU 1 x 953 MiB 100 best-effort"},
      {"Z7 MetaX", "metax-tech.com/sgpu=1 metax-tech.com/vmemory=16Gi",
       "Metax-SGPU 1 x 16384 MiB 100 best-effort"},
      {"X3", "metax-tech.com/sgpu=1 metax-tech.com/vcore=30", "Metax-SGPU 1 x 100 % 30 fixed-share",
       "=", "metax-tech.com/sgpu-qos-policy=fixed-share"},
      {"X5", "metax-tech.com/sgpu=1 metax-tech.com/vcore=100 metax-tech.com/vmemory=8",
       "Metax-SGPU 1 x 8192 MiB 0 best-effort online", "=", "metax-tech.com/sgpu-app-class=online"},
      {"X7 class", "metax-tech.com/sgpu=2", "refused", "", "metax-tech.com/sgpu-app-class=online"},
      {"X7 qos", "metax-tech.com/sgpu=1", "refused", "", "metax-tech.com/sgpu-qos-policy=abc"},
      {"X7 unknown class", "metax-tech.com/sgpu=1", "refused", "",
       "metax-tech.com/sgpu-app-class=batch"},
      {"X8", "metax-tech.com/gpu=4", "Metax-GPU 4 x 100 % 100"},
  };
  expect_cases(kCases);
}

TEST(Admission, EnflameKunlunxin) {
  constexpr Case kCases[] = {
      {"E1", "enflame.com/drs-gcu=1", "Enflame-DRS 1 x 0 % 0 profile 1"},
      {"E2", "enflame.com/gcu-memory=20", "Enflame-DRS 1 x 20480 MiB 0 profile 0", "=", "", k210},
      {"E2 explicit", "enflame.com/gcu-memory=20Gi", "Enflame-DRS 1 x 20480 MiB 0 profile 0"},
      {"E2 bare", "enflame.com/gcu-memory=20", "refused"},
      {"E3", "enflame.com/gcu-memory=20000", "Enflame-DRS 1 x 20480 MiB 0 profile 0", "=", "",
       k210},
      {"E4", "enflame.com/gcu-core=60", "Enflame-DRS 1 x 0 % 60 profile 0"},
      {"E5", "enflame.com/drs-gcu=4", "Enflame-DRS 1 x 0 % 0 profile 4"},
      {"E8", "enflame.com/gcu=2", "GCU 2 x 100 % 100"},
      {"shared", "enflame.com/vgcu=1 enflame.com/vgcu-percentage=22", "Enflame 1 x 22 % 0"},
      {"K1", "kunlunxin.com/xpu=1", "kunlun 1 x 100 % 100"},
      {"K5", "kunlunxin.com/xpu=3", "refused"},
      {"K6", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=30000", "XPU 1 x 49152 MiB 50",
       "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=49152"},
      {"K7", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=20000", "XPU 1 x 24576 MiB 25",
       "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=24576"},
      {"T123 1", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=1", "XPU 1 x 24576 MiB 25", ""},
      {"T123 24577", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=24577", "XPU 1 x 49152 MiB 50",
       ""},
      {"T123 49153", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=49153",
       "XPU 1 x 98304 MiB 100", ""},
      {"overflow", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=98305", "refused"},
      {"overflow 2.9", "kunlunxin.com/vxpu=1 kunlunxin.com/vxpu-memory=98305",
       "XPU 1 x 98304 MiB 100", "", "", k29},
      {"no memory", "kunlunxin.com/vxpu=1", "XPU 1 x 100 % 100"},
  };
  expect_cases(kCases);
}

TEST(Admission, NeuronAmdVastaiBirenIntel) {
  constexpr Case kCases[] = {
      {"W1", "aws.amazon.com/neuron=1", "AWSNeuron 1 x 0 % 2"},
      {"W2", "aws.amazon.com/neuroncore=1", "AWSNeuron 1 x 0 % 1"},
      {"W3", "aws.amazon.com/neuroncore=4", "AWSNeuron 2 x 0 % 2"},
      {"W4", "aws.amazon.com/neuroncore=3", "refused"},
      {"W8 0", "aws.amazon.com/neuron=0", "refused"},
      {"W8 -1", "aws.amazon.com/neuron=-1", "refused"},
      {"W8 1.5", "aws.amazon.com/neuron=1.5", "refused"},
      {"D1", "amd.com/gpu=1 amd.com/gpumem=48000 amd.com/gpucores=25", "AMDGPU 1 x 48000 MiB 25"},
      {"D4", "amd.com/gpu=1", "AMDGPU 1 x 100 % 100"},
      {"D5 0", "amd.com/gpu=1 amd.com/gpucores=0", "refused"},
      {"D5 101", "amd.com/gpu=1 amd.com/gpucores=101", "refused"},
      {"D5 10.5", "amd.com/gpu=1 amd.com/gpucores=10.5", "refused"},
      {"V1", "vastaitech.com/va=1", "Vastai 1 x 100 % 0"},
      {"B1", "birentech.com/gpu=1", "Biren 1 x 0 % 0"},
      {"T1 Intel", "gpu.intel.com/i915=1 gpu.intel.com/i915-memory=8000", "Intel 1 x 8000 MiB 0"},
      {"T4 Intel", "gpu.intel.com/xe=1", "Intel-xe 1 x 100 % 0"},
  };
  expect_cases(kCases);
}

}  // namespace
}  // namespace melon::config
