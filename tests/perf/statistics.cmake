# What the statistics cost for each invocation.
ifm_add_test(NAME steady_bench LABEL perf SOURCES ${CMAKE_CURRENT_LIST_DIR}/steady_bench.c LIBS ifm_core TIMEOUT 60)
