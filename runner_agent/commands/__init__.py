"""What an operator or an image build asks of the agent; a booting machine loads none of it."""
