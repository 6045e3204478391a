"""The alerts page over a stand-in service in which another alert fires at each look: for a test in a real browser."""

import streamlit as st

from apps.monitor.alert_records import Alert
from apps.monitor.ui import alerts
from tests.monitor.fake_service import FakeMonitor


class Restless(FakeMonitor):
    """Each look at the list finds one more alert on top."""

    def alerts(self, *asked: object, **filters: object) -> list[Alert]:
        made = self._alert(f"n{len(self.held)}", "brightquay")
        self.held = {made.id: made, **self.held}
        return super().alerts(*asked, **filters)


@st.cache_resource
def service() -> Restless:
    return Restless()


if __name__ == "__main__":
    alerts.service = service
    alerts.draw()
    told = [words for act, _, _, words in service().acts if act == "comment"]
    st.html(f'<p id="told">{" / ".join(told)}</p>')
