"""The query for previews of texts in Markdown."""

import asyncio
from typing import Annotated

import strawberry

from domain.markdown import html_of
from domain.model.texts import checked_message
from gql.types.markdown import HTML


@strawberry.type
class MarkdownQueries:
    @strawberry.field(description=HTML.format("text"))
    async def markdown(
        self,
        text: Annotated[str, strawberry.argument(description="The text, 1 to 25,000 characters of Markdown.")],
    ) -> str:
        # Of a hostile text it takes longer than others shall wait.
        return await asyncio.to_thread(html_of, checked_message(text, field="text"))
