if(TARGET inferometerd)
  foreach(name http writes start durability load hostile)
    ifm_add_script(NAME daemon_${name} LABEL integration TIMEOUT 300
                   COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/daemon_${name}_test.py)
    if(IFM_SANITIZE MATCHES "thread") # gcc 12's runtime dies under 32 bits of address randomization
      set_property(TEST integration/daemon_${name} APPEND PROPERTY ENVIRONMENT "IFM_DAEMON_WRAPPER=setarch -R")
    endif()
  endforeach()
endif()
