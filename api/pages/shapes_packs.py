"""What the pages about what was published tell, as their `.json` answers it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.pages.shapes import ExceptionOut
from api.v1.shapes_packs import CalibratedOut, DiagnosedOut, ListedOut, MonthPackOut, PeriodPackOut, WeekPackOut


class PublishedOut(ListedOut):
    """Something published, with its page."""

    address: str


class PacksPageOut(BaseModel):
    """Everything that is published, what closed last first."""

    as_of: datetime
    items: list[PublishedOut]


class PackPageOut(BaseModel):
    """A pack, and what its page shows beside it."""

    as_of: datetime = Field(description="Its close.")
    pack: WeekPackOut | MonthPackOut | PeriodPackOut = Field(discriminator="kind")
    versions: list[int] = Field(description="Every version that there is, the first one first.")
    needs: dict[str, list[ExceptionOut]] = Field(description="By part of the pack: its decisions, with their days.")
    addresses: dict[str, str] = Field(description="Node to its page, of what is planned now.")
    names: dict[str, str] = Field(description="Department to its name, of those that there are now.")


class DiagnosisPageOut(DiagnosedOut):
    as_of: datetime
    addresses: dict[str, str] = Field(description="Node to its page, of what is planned now.")


class CalibrationPageOut(CalibratedOut):
    as_of: datetime
    names: dict[str, str] = Field(description="Department to its name, of those that there are now.")
